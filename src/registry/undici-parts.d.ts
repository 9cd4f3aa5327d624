// The part of undici that is used, loaded by itself: its index also loads fetch, WebSocket, caches and mocks, which takes
// longer than the rest of the program's start. undici has no list of exports, so this file can be named.
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici';
  export default Pool;
}
