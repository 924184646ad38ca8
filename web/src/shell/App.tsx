// The whole page.
import { useEffect, useState } from "react";
import { getNodes } from "@/api/client";

export function App() {
  const [count, setCount] = useState<number | null>(null);
  useEffect(() => {
    void getNodes().then((nodes) => setCount(nodes.length));
  }, []);
  return <main>{count === null ? "…" : `${count} node types`}</main>;
}
