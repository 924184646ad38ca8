// The mask as it is shown: its bytes on a canvas, tinted. And the way from and to files of pictures.
import { emptyMask, maskOfTransparency, transparencyOfMask, whole, type Mask, type Rect } from "@/widgets/mask/mask";

const SHOWN = 0.62;

/** Draw a part of the mask. `alone`: white on black, as the mask is, instead of a tint over the picture. */
export function draw(canvas: HTMLCanvasElement, mask: Mask, rect: Rect | null, tint: string, alone: boolean): void {
  const context = canvas.getContext("2d");
  const part = rect ?? whole(mask);
  if (!context) return;
  const image = context.createImageData(part.width, part.height);
  const [red, green, blue] = [1, 3, 5].map((from) => Number.parseInt(tint.slice(from, from + 2), 16)) as [number, number, number];
  for (let y = 0, to = 0; y < part.height; y++) {
    for (let x = 0; x < part.width; x++, to += 4) {
      const value = mask.data[(part.y + y) * mask.width + part.x + x] ?? 0;
      image.data[to] = alone ? value : red;
      image.data[to + 1] = alone ? value : green;
      image.data[to + 2] = alone ? value : blue;
      image.data[to + 3] = alone ? 255 : value * SHOWN;
    }
  }
  context.putImageData(image, part.x, part.y);
}

export async function loadPicture(url: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** The mask that a picture has already: what of it is transparent. */
export function maskOf(picture: HTMLImageElement): Mask {
  const { naturalWidth: width, naturalHeight: height } = picture;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return emptyMask(width, height);
  context.drawImage(picture, 0, 0);
  return maskOfTransparency(width, height, context.getImageData(0, 0, width, height).data);
}

/** A PNG that is transparent where masked. */
export async function fileOf(mask: Mask): Promise<Blob> {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [mask.width, mask.height];
  canvas.getContext("2d")?.putImageData(new ImageData(transparencyOfMask(mask), mask.width, mask.height), 0, 0);
  return new Promise((done, failed) => canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("the browser could not write the mask"))), "image/png"));
}
