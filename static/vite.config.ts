// Changes when: how the page is built, tested or served while developing does.
import { defineConfig } from 'vitest/config';

const server = 'http://127.0.0.1:8765';

export default defineConfig({
  build: {
    target: 'es2022',
    outDir: 'dist',
    // The server hands out `/assets/{name}` only, so everything lies flat in there.
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    sourcemap: false,
    // hls.js and media-chrome are large, and loaded only when something is played.
    chunkSizeWarningLimit: 1000,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { '/api': server, '/files': server, '/v': server },
  },
  test: {
    include: ['src/**/*.test.ts'],
    environment: 'node',
  },
});
