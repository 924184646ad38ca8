// Two pictures in one place, divided by a line that can be moved.
import { useState } from "react";

export interface CompareSliderProps {
  before: string;
  after: string;
  label: string;
}

export function CompareSlider({ before, after, label }: CompareSliderProps) {
  const [share, setShare] = useState(50);
  return (
    <div style={{ position: "relative", width: "100%", height: "100%" }}>
      <img src={before} alt="before" style={{ position: "absolute", width: "100%", height: "100%", objectFit: "contain" }} />
      <img src={after} alt="after" style={{ position: "absolute", width: "100%", height: "100%", objectFit: "contain", clipPath: `inset(0 0 0 ${share}%)` }} />
      <input type="range" aria-label={label} value={share} onChange={(event) => setShare(Number(event.target.value))} style={{ position: "absolute", bottom: 8, width: "100%" }} />
    </div>
  );
}
