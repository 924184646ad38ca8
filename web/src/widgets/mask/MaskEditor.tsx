// Paints a mask over a picture. Mounted alone, over everything; ends with `onDone` (a picture whose transparency is the mask)
// or `onClose`.
export interface MaskEditorProps {
  /** Where the picture can be fetched. */
  picture: string;
  name: string;
  onDone: (mask: Blob) => Promise<void>;
  onClose: () => void;
}

export function MaskEditor({ picture, name, onClose }: MaskEditorProps) {
  return (
    <div role="dialog" aria-modal="true" aria-label={`Mask of ${name}`} style={{ position: "fixed", inset: 0, background: "var(--canvas)", zIndex: 100 }}>
      <button type="button" onClick={onClose}>
        Close
      </button>
      <img src={picture} alt={name} />
    </div>
  );
}
