import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { finish } from './build/finish.mjs';

// The head-end that `npm exec vite` shows its pages with.
const headend = process.env.HEADEND ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte(), finish()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': headend, '/readyz': headend } },
});
