// What follows the bundling: every file is compressed in the forms the head-end sends it in, and digests of the sources and of
// what was written go into build.json, which a Go test compares with what is there.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const web = resolve(import.meta.dirname, '..');

/** Files below a folder, by path with /, in the order of their bytes. */
function files(folder, skip = () => false) {
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const at = join(folder, entry.name);
    if (skip(entry.name)) continue;
    if (entry.isDirectory()) found.push(...files(at, skip));
    else found.push(at);
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** One digest over files: a line "digest  path" each. */
function digest(root, list) {
  const all = createHash('sha256');
  for (const at of list) {
    const one = createHash('sha256').update(readFileSync(at)).digest('hex');
    all.update(`${one}  ${relative(root, at).split('\\').join('/')}\n`);
  }
  return all.digest('hex');
}

export function finish() {
  let out = '';
  return {
    name: 'finish',
    apply: 'build',
    configResolved(config) {
      out = resolve(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const at of files(out)) {
        if (statSync(at).size < 512) continue; // a packet either way
        const plain = readFileSync(at);
        const br = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } });
        const gz = gzipSync(plain, { level: 9 });
        if (br.length < plain.length) writeFileSync(`${at}.br`, br);
        if (gz.length < plain.length) writeFileSync(`${at}.gz`, gz);
      }
      const record = { sources: digest(web, files(web, (name) => name === 'node_modules' || name.startsWith('.'))), files: digest(out, files(out)) };
      writeFileSync(join(out, 'build.json'), JSON.stringify(record, null, 2) + '\n');
    },
  };
}
