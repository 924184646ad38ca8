// The name of a file in a folder of the service; where the folder takes uploads, also a picture of one's own.
import { ImageUp } from "lucide-react";
import type { ChoiceSchema, FileSchema } from "@/model/catalogue";
import { ChoiceField } from "@/widgets/ChoiceField";
import { useWidgetServices, type WidgetProps } from "@/widgets/contract";
import styles from "@/widgets/widgets.module.css";

export function FileField(props: WidgetProps<FileSchema, string>) {
  const { schema, onChange, label } = props;
  const services = useWidgetServices();
  const options = [...services.files(schema.folder), ...(schema.extra ?? []).map((one) => one.name)];
  const choices: ChoiceSchema = { widget: "choice", options };
  return (
    <div style={{ display: "flex", gap: 4, width: "100%", height: "100%" }}>
      <ChoiceField {...props} schema={choices} />
      {schema.upload && (
        <label className={styles.chip} title="Upload a picture" style={{ cursor: "pointer" }}>
          <ImageUp size={13} aria-hidden />
          <input
            type="file"
            accept="image/*"
            className="sr-only"
            aria-label={`${label}: upload`}
            onChange={async (event) => {
              const file = event.target.files?.[0];
              if (file) onChange(await services.upload(file, file.name, schema.folder), "done");
            }}
          />
        </label>
      )}
    </div>
  );
}
