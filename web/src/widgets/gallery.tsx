// Every widget on one page, without a service: `npm run dev`, then /widgets.html. Not part of the build.
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import "@/theme/tokens.css";
import "@/theme/base.css";
import type { WidgetSchema } from "@/model/catalogue";
import { WidgetServicesContext, type WidgetServices } from "@/widgets/contract";
import { widgetFor } from "@/widgets/registry";

const CASES: [string, WidgetSchema, unknown][] = [
  ["steps", { widget: "number", kind: "INT", minimum: 1, maximum: 10000 }, 20],
  ["cfg", { widget: "number", kind: "FLOAT", minimum: 0, maximum: 100, step: 0.1, round: 0.01 }, 8],
  ["seed", { widget: "number", kind: "INT", minimum: 0, maximum: 2 ** 53, seed: true }, 7],
  ["filename_prefix", { widget: "text" }, "ComfyUI"],
  ["text", { widget: "text", multiline: true, dynamic_prompts: true, mentions: "embeddings" }, "a (red:1.2) fox"],
  ["tiling", { widget: "toggle" }, true],
  ["sampler_name", { widget: "choice", options: ["euler", "heun", "dpmpp_2m"] }, "heun"],
  ["ckpt_name", { widget: "file", folder: "checkpoints" }, "model-17.safetensors"],
  ["image", { widget: "file", folder: "input", upload: true }, "model-3.safetensors"],
];

const SERVICES: WidgetServices = {
  files: () => Array.from({ length: 3000 }, (_, index) => `model-${index}.safetensors`),
  upload: async (_file, name) => name,
  uploadMask: async (_mask, original) => original,
  pictureUrl: (name) => name,
  lastSeed: 123456789,
  editMask: async () => null,
};

function Case({ label, schema, start }: { label: string; schema: WidgetSchema; start: unknown }) {
  const [value, setValue] = useState(start);
  const Field = widgetFor(schema);
  const tall = schema.widget === "text" && schema.multiline;
  return (
    <>
      <div style={{ width: 224, height: tall ? 88 : 20 }}>
        <Field schema={schema} value={value} onChange={setValue} label={label} place="node" initial={start} />
      </div>
      <div style={{ width: 360 }}>
        <Field schema={schema} value={value} onChange={setValue} label={label} place="form" initial={start} />
      </div>
      <code>{JSON.stringify(value)}</code>
    </>
  );
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <WidgetServicesContext value={SERVICES}>
      <div style={{ display: "grid", gridTemplateColumns: "240px 380px 1fr", gap: 12, padding: 24 }}>
        {CASES.map(([label, schema, start]) => (
          <Case key={label} label={label} schema={schema} start={start} />
        ))}
      </div>
    </WidgetServicesContext>
  </StrictMode>,
);
