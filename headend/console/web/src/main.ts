import { mount } from 'svelte';
import './app.css';
import App from './App.svelte';
import { speak, startLanguage } from './lib/words.svelte';

await speak(startLanguage());
mount(App, { target: document.getElementById('console')! });
