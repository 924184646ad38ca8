// Where on the canvas a component is: in which document, inside which subgraphs. Plans and runs name nodes by their whole way.
import { createContext, useContext } from "react";
import type { Scope } from "@/model/document";
import type { Connecting } from "@/canvas/connecting";

export interface CanvasPlace {
  uid: string;
  scope: Scope;
  /** The key of a node here in the stores of plans and runs. */
  key: (name: string) => string;
  connecting: Connecting;
  /** How closely one looks: whole nodes, or nodes without their fields. */
  level: "near" | "middle" | "far";
}

export const CanvasPlaceContext = createContext<CanvasPlace | null>(null);

export function useCanvasPlace(): CanvasPlace {
  const place = useContext(CanvasPlaceContext);
  if (place === null) throw new Error("only on the canvas");
  return place;
}
