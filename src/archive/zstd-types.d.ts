// The types of `tar` name two classes that Node has from 22.15 on. The types of Node 20, which keep newer calls out of
// this code, do not know them; without these lines the dependencies' types could not be checked at all.
import type { Transform } from 'node:stream';

declare module 'zlib' {
  type ZstdCompress = Transform;
  type ZstdDecompress = Transform;
}
