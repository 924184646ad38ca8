// Texts in PNG files: a chunk of international text (PNG 3.0, section 11.3.3.4) before the end of the file.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** The chunk IEND: length, name, checksum. */
const END = 12;

/** The file with one more text. `keyword` has 1 to 79 letters of Latin-1. Raises an Error for what is no PNG file. */
export function withText(png: Uint8Array, keyword: string, text: string): Uint8Array<ArrayBuffer> {
  if (!SIGNATURE.every((byte, index) => png[index] === byte)) throw new Error("no PNG file");
  const encoder = new TextEncoder();
  const body = [...encoder.encode(keyword), 0, 0, 0, 0, 0]; // not compressed, of no language, with no other keyword
  const content = encoder.encode(text);
  const chunk = new Uint8Array(12 + body.length + content.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length + content.length);
  chunk.set(encoder.encode("iTXt"), 4);
  chunk.set(body, 8);
  chunk.set(content, 8 + body.length);
  view.setUint32(chunk.length - 4, checksum(chunk.subarray(4, chunk.length - 4)));
  const made = new Uint8Array(png.length + chunk.length);
  made.set(png.subarray(0, png.length - END));
  made.set(chunk, png.length - END);
  made.set(png.subarray(png.length - END), png.length - END + chunk.length);
  return made;
}

/** CRC-32 as PNG and zip files have it. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}
