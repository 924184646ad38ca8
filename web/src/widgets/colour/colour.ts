// Colours as numbers (0xrrggbb, as nodes take them), as #rrggbb, and as hue, saturation and value, as people pick them. Pure.

/** Hue in degrees, 0 to 360; saturation and value 0 to 1. */
export interface Hsv {
  hue: number;
  saturation: number;
  value: number;
}

export function toHex(number: number): string {
  const whole = Math.min(0xffffff, Math.max(0, Math.round(number)));
  return `#${whole.toString(16).padStart(6, "0")}`;
}

/** Reads #rgb, #rrggbb and both without the sign; null for anything else. */
export function fromHex(text: string): number | null {
  const digits = /^\s*#?([0-9a-f]{3}|[0-9a-f]{6})\s*$/i.exec(text)?.[1];
  if (digits === undefined) return null;
  return Number.parseInt(digits.length === 3 ? [...digits].map((digit) => digit + digit).join("") : digits, 16);
}

export function toHsv(number: number): Hsv {
  const [red, green, blue] = [(number >> 16) & 255, (number >> 8) & 255, number & 255].map((one) => one / 255) as [number, number, number];
  const most = Math.max(red, green, blue);
  const range = most - Math.min(red, green, blue);
  return { hue: hueOf(red, green, blue, most, range), saturation: most === 0 ? 0 : range / most, value: most };
}

function hueOf(red: number, green: number, blue: number, most: number, range: number): number {
  if (range === 0) return 0;
  if (most === red) return (60 * ((green - blue) / range) + 360) % 360;
  return most === green ? 60 * ((blue - red) / range + 2) : 60 * ((red - green) / range + 4);
}

export function fromHsv({ hue, saturation, value }: Hsv): number {
  const channel = (offset: number) => {
    const place = (offset + hue / 60) % 6;
    return Math.round(255 * (value - value * saturation * Math.max(0, Math.min(place, 4 - place, 1))));
  };
  return (channel(5) << 16) | (channel(3) << 8) | channel(1);
}
