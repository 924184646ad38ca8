// @vitest-environment jsdom
// A picture of one's own: picked, or on a phone taken with the camera.
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FileSchema } from "@/model/catalogue";
import { FileField } from "@/widgets/choice/FileField";
import { WidgetServicesContext, type WidgetServices } from "@/widgets/contract";

const NONE: readonly string[] = [];

let root: Root;
let chosen: string[];

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  chosen = [];
  const services: Partial<WidgetServices> = { files: () => NONE, modelPictures: () => null, watchFiles: () => () => undefined, pictureUrl: (name) => name, upload: async (_, name, folder) => `${folder}/${name}` };
  const schema = { type: "file", folder: "input", upload: true } as unknown as FileSchema;
  document.body.innerHTML = "<main></main>";
  root = createRoot(document.querySelector("main")!);
  await act(() =>
    root.render(
      <WidgetServicesContext value={services as WidgetServices}>
        <FileField schema={schema} value={undefined} label="image" place="node" initial={undefined} onChange={(name) => chosen.push(name)} />
      </WidgetServicesContext>,
    ),
  );
});
afterEach(async () => {
  await act(() => root.unmount());
  vi.unstubAllGlobals();
});

const picker = () => document.querySelector<HTMLInputElement>("input[type=file]")!;
const pick = (file: File) =>
  act(async () => {
    Object.defineProperty(picker(), "files", { value: [file], configurable: true });
    picker().dispatchEvent(new Event("change", { bubbles: true }));
  });

test("phones offer the camera beside the pictures that are there: any picture is asked for, and not the camera alone", () => {
  expect(picker().accept).toBe("image/*");
  expect(picker().hasAttribute("capture")).toBe(false);
});

test("the button opens the picker", async () => {
  const opened = vi.spyOn(picker(), "click").mockImplementation(() => undefined);
  await act(() => document.querySelector<HTMLElement>("button[aria-label*=image]:has(.lucide-image-up)")!.click());
  expect(opened).toHaveBeenCalledOnce();
});

test("a photo is kept in the folder and chosen", async () => {
  await pick(new File(["pixels"], "photo.jpg", { type: "image/jpeg" }));
  await expect.poll(() => chosen).toEqual(["input/photo.jpg"]);
});
