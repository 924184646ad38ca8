// Every widget on one page, without a service: `npm run dev`, then /widgets.html (`?theme=light`, `?show=mask`, `?show=viewer`, `?show=compare`). Not part
// of the build.
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import "@/theme/tokens.css";
import "@/theme/base.css";
import type { WidgetSchema } from "@/model/catalogue";
import { WidgetServicesContext, type WidgetServices } from "@/widgets/contract";
import { demoPicture, DEMO_FILES } from "@/widgets/gallery-material";
import { MaskEditor } from "@/widgets/mask/MaskEditor";
import { CompareSlider } from "@/widgets/picture/CompareSlider";
import { PictureViewer, type PictureFacts } from "@/widgets/picture/PictureViewer";
import { widgetFor } from "@/widgets/registry";

interface Example {
  label: string;
  schema: WidgetSchema;
  start: unknown;
  initial?: unknown;
  problem?: string;
  disabled?: boolean;
}

const EXAMPLES: Example[] = [
  { label: "steps", schema: { widget: "number", kind: "INT", minimum: 1, maximum: 10000 }, start: 20, initial: 20 },
  { label: "cfg", schema: { widget: "number", kind: "FLOAT", minimum: 0, maximum: 100, step: 0.1, round: 0.01 }, start: 6.5, initial: 8 },
  { label: "denoise", schema: { widget: "number", kind: "FLOAT", minimum: 0, maximum: 1, step: 0.01 }, start: 0.62, initial: 1 },
  { label: "width", schema: { widget: "number", kind: "INT", minimum: 16, maximum: 16384, step: 8 }, start: 515, initial: 512, problem: "515 is no multiple of 8" },
  { label: "strength_model", schema: { widget: "number", kind: "FLOAT", minimum: -100, maximum: 100, step: 0.01 }, start: 1, disabled: true },
  { label: "seed", schema: { widget: "number", kind: "INT", minimum: 0, maximum: 2 ** 64, seed: true }, start: 7, initial: 0 },
  { label: "noise_seed", schema: { widget: "number", kind: "INT", minimum: 0, maximum: 2 ** 64, seed: true }, start: "random", initial: 0 },
  { label: "filename_prefix", schema: { widget: "text" }, start: "ComfyUI", initial: "ComfyUI" },
  { label: "tiling", schema: { widget: "toggle" }, start: true, initial: false },
  { label: "color", schema: { widget: "number", kind: "INT", minimum: 0, maximum: 0xffffff, step: 1 }, start: 0x7aa7ff, initial: 0 },
  { label: "sampler_name", schema: { widget: "choice", options: ["euler", "euler_ancestral", "heun", "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_sde", "uni_pc"] }, start: "heun", initial: "euler" },
  { label: "scheduler", schema: { widget: "choice", options: ["normal", "karras", "exponential"] }, start: "beta57" },
  { label: "ckpt_name", schema: { widget: "file", folder: "checkpoints" }, start: "sdxl/model-17.safetensors" },
  { label: "lora_name", schema: { widget: "file", folder: "loras" }, start: "add_detail_v2.ckpt" },
  { label: "image", schema: { widget: "file", folder: "input", upload: true }, start: "fox-3.png" },
  { label: "text", schema: { widget: "text", multiline: true, dynamic_prompts: true, mentions: "embeddings", pattern: "embedding:((?:\\\\[()]|[^\\s,:()])+)" }, start: "a (red:1.3) fox in ((deep)) snow, (blurry:0.7) trees, embedding:easynegative, {dawn|dusk}, 35mm photograph, \\(untitled\\)" },
  { label: "note", schema: { widget: "text", multiline: true }, start: "A text of several lines\nthat is no prompt." },
];

const NO_FILES: readonly string[] = [];
const pictureOfStyle = (name: string) => (name.startsWith("styles/") ? demoPicture(name, 96, 96) : null);

const SERVICES: WidgetServices = {
  files: (folder) => DEMO_FILES[folder] ?? NO_FILES,
  upload: async (_file, name, _folder, onProgress) => {
    for (let step = 0; step <= 10; step++) {
      onProgress?.(step / 10);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    return name;
  },
  uploadMask: async (_mask, original) => original,
  pictureUrl: (name) => demoPicture(name),
  modelPictures: (folder) => (folder === "loras" ? pictureOfStyle : null),
  watchFiles: () => () => undefined,
  lastSeed: 812736450912,
  lastTexts: { text: "a red fox in deep snow, dawn" },
  editMask: async () => null,
  tokens: async (text) => {
    const words = [...text.matchAll(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)];
    const chunks = Array.from({ length: Math.max(1, Math.ceil(words.length / 75)) }, (_, index) => ({ tokens: Math.min(75, words.length - index * 75), from: words[index * 75]?.index ?? 0 }));
    return { room: 75, chunks };
  },
  addLora: (name) => console.info("addLora", name),
};

function Case({ label, schema, start, initial, problem, disabled }: Example) {
  const [value, setValue] = useState(start);
  const [steps, setSteps] = useState(0);
  const Field = widgetFor(schema);
  const tall = schema.widget === "text" && schema.multiline;
  const common = {
    schema,
    value,
    label,
    ...(initial === undefined ? {} : { initial }),
    problem,
    disabled: disabled ?? false,
    onChange: (next: unknown, kind?: string) => {
      setValue(next);
      if (kind !== "live") setSteps((count) => count + 1);
    },
  };
  return (
    <>
      <div style={{ width: 224, height: tall ? 86 : 20 }} data-node={label}>
        <Field {...common} place="node" />
      </div>
      <div style={{ width: 360 }} data-form={label}>
        <div style={{ paddingBottom: 3 }}>{label}</div>
        <Field {...common} place="form" />
      </div>
      <code data-value={label} data-steps={steps} style={{ overflowWrap: "anywhere" }}>
        {JSON.stringify(value)}
      </code>
    </>
  );
}

function Fields() {
  return (
    <div style={{ display: "grid", gridTemplateColumns: "240px 380px 1fr", gap: "10px 12px", padding: 24, alignItems: "start" }}>
      {EXAMPLES.map((example) => (
        <Case key={example.label} {...example} />
      ))}
    </div>
  );
}

/** What opens over everything: `?show=mask`, `compare`, `viewer`. */
function Whole({ part }: { part: string }) {
  const [index, setIndex] = useState(2);
  const [said, setSaid] = useState("");
  const pictures = Array.from({ length: 9 }, (_, place) => ({ url: demoPicture(`fox-${place}.png`), name: `fox-${place}.png`, ...(place % 2 === 0 ? { before: demoPicture(`sketch-${place}.png`) } : {}) }));
  if (said) return <output data-said>{said}</output>;
  if (part === "mask") {
    const done = async (mask: Blob) => {
      if (asked.get("fails")) throw new Error("the service does not answer");
      setSaid(await describeMask(mask));
    };
    return <MaskEditor picture={demoPicture("fox-3.png")} name="fox-3.png" onDone={done} onClose={() => setSaid("closed")} />;
  }
  if (part === "compare") {
    return (
      <div style={{ width: 760, height: 520, margin: 24 }}>
        <CompareSlider before={demoPicture("fox-1.png")} after={demoPicture("fox-4.png")} label="Compare" />
      </div>
    );
  }
  const facts = async () => ({ sections: [{ title: "KSampler", rows: [["seed", "812736450912"], ["steps", "20"], ["cfg", "6.5"]] }, { title: "CLIPTextEncode", rows: [["text", "a (red:1.3) fox in snow, 35mm photograph"]] }] }) satisfies PictureFacts;
  return <PictureViewer pictures={pictures} index={index} onIndex={setIndex} onClose={() => setSaid("closed")} facts={facts} onOpenWorkflow={(one) => setSaid(`open ${one.name}`)} />;
}

/** How large a mask is, and how transparent in its middle and in a corner. */
async function describeMask(mask: Blob): Promise<string> {
  const image = await createImageBitmap(mask);
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d")!;
  context.drawImage(image, 0, 0);
  const alpha = (x: number, y: number) => context.getImageData(x, y, 1, 1).data[3];
  return JSON.stringify({ type: mask.type, size: [image.width, image.height], middle: alpha(image.width / 2, image.height / 2), corner: alpha(2, 2) });
}

const asked = new URLSearchParams(location.search);
document.documentElement.dataset["theme"] = asked.get("theme") ?? "dark";

const part = asked.get("show");

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <WidgetServicesContext value={SERVICES}>
      <main style={{ height: "100%", overflow: "auto" }}>
        <h1 className="sr-only">Widgets</h1>
        {part ? <Whole part={part} /> : <Fields />}
      </main>
    </WidgetServicesContext>
  </StrictMode>,
);
