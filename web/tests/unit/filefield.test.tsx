// @vitest-environment jsdom
// A field of a node that is drawn already, as in a document that was restored, when it comes to be known what is there.
import { act } from "react";
import { createRoot } from "react-dom/client";
import { expect, test, vi } from "vitest";
import type { FileSchema } from "@/model/catalogue";
import { Editor } from "@/store/editor";
import { servicesFor } from "@/store/services";
import { FileField } from "@/widgets/choice/FileField";
import { WidgetServicesContext } from "@/widgets/contract";
import { fakeService } from "./service";

test("shows the files of its folder, and the pictures beside them", async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("CSS", { escape: (text: string) => text });
  fakeService();
  document.body.innerHTML = "<main></main>";
  const { library, ...others } = new Editor();
  const services = servicesFor({ library, ...others } as Editor, undefined);
  const schema: FileSchema = { widget: "file", folder: "loras" };
  const root = createRoot(document.querySelector("main")!);
  await act(() =>
    root.render(
      <WidgetServicesContext value={services}>
        <FileField schema={schema} value="fox.safetensors" label="lora_name" place="node" onChange={() => undefined} />
      </WidgetServicesContext>,
    ),
  );
  const field = document.querySelector<HTMLElement>("[role=combobox]")!;
  expect(field.getAttribute("aria-invalid")).toBeNull();
  await act(() => library.store.setState({ models: { loras: ["hare.safetensors"] } }));
  expect(field.getAttribute("aria-invalid")).toBe("true");

  await act(() => library.store.setState({ pictures: { loras: (name) => `pictures/${name}` } }));
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", false); // what opens is loaded, and places itself in its own time
  field.click();
  await expect.poll(() => document.querySelector("[data-testid=thumbnail] img")?.getAttribute("src")).toBe("pictures/hare.safetensors");
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  await act(() => root.unmount());
});
