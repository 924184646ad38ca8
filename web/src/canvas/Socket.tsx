// An end for links: a coloured mark on the edge of a node. Circle: one value; square: a list; ring: may stay free; filled:
// linked; dashed: takes anything. Lit while a link that fits is being drawn.
import { memo } from "react";
import { Handle, Position } from "@xyflow/react";
import { useMessages } from "@/i18n/messages";
import { useVerdict } from "@/canvas/connecting";
import { useCanvasPlace } from "@/canvas/place";
import { inputHandle, outputHandle } from "@/canvas/project";
import { ANY, typeColour } from "@/model/ports";
import styles from "@/canvas/canvas.module.css";

interface SocketProps {
  node: string;
  name: string;
  end: "input" | "output";
  type: string;
  /** From the node's top. */
  y: number;
  linked: boolean;
  optional?: boolean;
  list?: boolean;
  /** Belongs to a field: small until it is needed. */
  latent?: boolean;
}

export const Socket = memo(function Socket({ node, name, end, type, y, linked, optional, list, latent }: SocketProps) {
  const { connecting } = useCanvasPlace();
  const verdict = useVerdict(connecting, node, end, name);
  const { canvas: t } = useMessages();
  const isInput = end === "input";
  const look = [
    "nokey", // with Shift all links are dragged from here, and no box is drawn
    styles.socket,
    list ? styles.square : "",
    linked ? styles.filled : optional || latent ? styles.ring : "",
    type === ANY ? styles.any : "",
    latent && !linked ? styles.latent : "",
    verdict === true ? styles.lit : verdict === false ? styles.dimmed : "",
  ];
  return (
    <Handle
      id={isInput ? inputHandle(name) : outputHandle(name)}
      type={isInput ? "target" : "source"}
      position={isInput ? Position.Left : Position.Right}
      className={look.filter(Boolean).join(" ")}
      style={{ top: y, color: typeColour(type) }}
      data-socket={name}
      data-end={end}
      data-type={type}
      data-tip={`${name}  ·  ${type.split(",").join(t.or)}${list ? `  ·  ${t.list}` : ""}${optional ? `  ·  ${t.optional}` : ""}`}
    />
  );
});
