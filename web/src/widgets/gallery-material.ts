// What the gallery of widgets shows: names of files, and pictures painted on the spot.

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

export const DEMO_FILES: Readonly<Record<string, readonly string[]>> = {
  checkpoints: [...range(1600).map((index) => `sdxl/model-${index}.safetensors`), ...range(1400).map((index) => `sd15/anime/toon-${index}.safetensors`), ...range(1990).map((index) => `sd15/photo-${index}.safetensors`), ...range(10).map((index) => `base-${index}.safetensors`)],
  loras: ["add_detail_v3.safetensors", "film_grain.safetensors", "styles/ink.safetensors", "styles/watercolour.safetensors"],
  embeddings: ["easynegative.safetensors", "badhands-v4.pt", "styles/glow.safetensors"],
  input: [...range(40).map((index) => `fox-${index}.png`), ...range(12).map((index) => `sketches/sketch-${index}.png`)],
};

const painted = new Map<string, string>();

/** A picture for a name: hills under a sky of a colour that the name gives. */
export function demoPicture(name: string, width = 768, height = 512): string {
  const known = painted.get(name);
  if (known) return known;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const draw = canvas.getContext("2d")!;
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
  const sky = draw.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, `hsl(${hue} 45% 35%)`);
  sky.addColorStop(1, `hsl(${(hue + 40) % 360} 70% 80%)`);
  draw.fillStyle = sky;
  draw.fillRect(0, 0, width, height);
  draw.fillStyle = `hsl(${(hue + 60) % 360} 90% 88%)`;
  draw.beginPath();
  draw.arc(width * 0.7, height * 0.35, height * 0.1, 0, 7);
  draw.fill();
  range(4).forEach((hill) => {
    draw.fillStyle = `hsl(${(hue + 150) % 360} ${30 + hill * 5}% ${45 - hill * 10}%)`;
    draw.beginPath();
    draw.moveTo(0, height);
    for (let x = 0; x <= width; x += 8) draw.lineTo(x, height * (0.55 + hill * 0.1) + Math.sin(x / (90 - hill * 12) + hue + hill) * height * 0.06);
    draw.lineTo(width, height);
    draw.fill();
  });
  const url = canvas.toDataURL("image/jpeg", 0.8);
  painted.set(name, url);
  return url;
}
