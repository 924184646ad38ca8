// The name of a file in a folder of the service. Where the folder takes uploads it holds pictures: they are shown, one's own can be
// dropped, pasted, picked or taken with the camera, and painted with a mask. Models show the pictures that lie beside them.
import { useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Brush, ImageUp } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import type { FileSchema } from "@/model/catalogue";
import { ChoiceControl } from "@/widgets/choice/ChoiceControl";
import { recentIn, remember } from "@/widgets/choice/recent";
import { useUpload } from "@/widgets/choice/useUpload";
import { useWidgetServices, type WidgetProps } from "@/widgets/contract";
import styles from "@/widgets/widgets.module.css";

/** A name may say in which folder it is, as ComfyUI writes it. */
const ANNOTATED = /^(.*) \[(input|output|temp)\]$/;

export function FileField(props: WidgetProps<FileSchema, string>) {
  const { schema, value, onChange, label, disabled, place } = props;
  const { widgets: t } = useMessages();
  const services = useWidgetServices();
  const files = useSyncExternalStore(services.watchFiles, () => services.files(schema.folder));
  const thumbnailOf = useSyncExternalStore(services.watchFiles, () => services.modelPictures(schema.folder));
  const names = useMemo(() => [...files, ...(schema.extra ?? []).map((one) => one.name)], [files, schema.extra]);
  const picker = useRef<HTMLInputElement>(null);
  const choose = (name: string) => {
    remember(schema.folder, name);
    onChange(name, "done");
  };
  const upload = useUpload(schema.folder, schema.upload === true && !disabled, choose);
  const annotated = value === undefined ? null : ANNOTATED.exec(value);
  const own = annotated?.[2] === schema.folder ? annotated[1] : value;
  const control = {
    ...props,
    names,
    onChange: choose,
    nothing: schema.upload ? t.noPictures : t.noFiles(schema.folder),
    complete: files.length > 0 && (annotated === null || annotated[2] === schema.folder),
    recent: () => recentIn(schema.folder),
    ...(own === undefined ? {} : { value: own }),
  };
  if (!schema.upload) return <ChoiceControl {...control} {...(thumbnailOf ? { thumbnailOf } : {})} />;

  const pick = () => picker.current?.click();
  const paint = async () => {
    const masked = value === undefined ? null : await services.editMask(value);
    if (masked !== null) choose(masked);
  };
  const icon = place === "form" ? 15 : 12;
  const tools = (
    <>
      <button type="button" className={styles.tool} disabled={disabled} title={t.uploadTip} aria-label={t.upload(label)} onClick={pick}>
        <ImageUp size={icon} aria-hidden />
      </button>
      <button type="button" className={styles.tool} disabled={disabled || value === undefined} title={t.paintTip} aria-label={t.paint(label)} onClick={() => void paint()}>
        <Brush size={icon} aria-hidden />
      </button>
      <input
        ref={picker}
        type="file"
        accept="image/*"
        className="sr-only"
        tabIndex={-1}
        aria-hidden
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = "";
          if (file) void upload.take(file);
        }}
      />
    </>
  );
  const state = (
    <>
      {upload.share !== null && <div className={styles.progress} role="progressbar" aria-label={t.uploading(label)} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(upload.share * 100)} style={{ transform: `scaleX(${Math.max(0.02, upload.share)})` }} />}
      {upload.fault && place === "form" && (
        <p role="alert" className={styles.fault}>
          {upload.fault}
        </p>
      )}
    </>
  );
  const row = (
    <div className={styles.composed}>
      <ChoiceControl {...control} {...(upload.fault ? { problem: upload.fault } : {})} pictureOf={(name) => services.pictureUrl(name, schema.folder)} />
      {tools}
    </div>
  );
  if (place === "node") {
    return (
      <div className={`${styles.drop} ${upload.over ? styles.over : ""}`} {...upload.target}>
        {row}
        {state}
      </div>
    );
  }
  return (
    <div className={`${styles.drop} ${styles.withPicture} ${upload.over ? styles.over : ""}`} {...upload.target}>
      <Preview key={value} url={value === undefined ? null : services.pictureUrl(value, schema.folder)} name={value ?? ""} onPick={pick} />
      {row}
      {state}
    </div>
  );
}

function Preview({ url, name, onPick }: { url: string | null; name: string; onPick: () => void }) {
  const { widgets: t } = useMessages();
  const [broken, setBroken] = useState(false);
  return (
    <button type="button" className={styles.preview} tabIndex={-1} aria-hidden onClick={onPick}>
      {url && !broken ? (
        <img src={url} alt={name} draggable={false} onError={() => setBroken(true)} />
      ) : (
        <span>
          <ImageUp size={20} strokeWidth={1.4} aria-hidden />
          {t.dropHere}
        </span>
      )}
    </button>
  );
}
