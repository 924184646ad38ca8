// What is fetched when it is first drawn: its script is no part of the page.
import { lazy, Suspense, useState, type ComponentType, type LazyExoticComponent, type ReactNode } from "react";

/**
 * The component that `load` brings, and `waiting` until it is there. Where it cannot be fetched it throws, for the boundary above it;
 * drawn anew it is fetched anew, for React's `lazy` alone would stay with the first failure.
 */
export function onDemand<Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>, waiting: ReactNode = null): ComponentType<Props> {
  let known: LazyExoticComponent<ComponentType<Props>> | null = null;
  const fetched = () =>
    (known ??= lazy(() =>
      load().catch((error: unknown) => {
        known = null;
        throw error;
      }),
    ));
  return function OnDemand(props: Props) {
    const [Fetched] = useState(fetched); // the same until it is taken away, whatever becomes of it
    return (
      <Suspense fallback={waiting}>
        <Fetched {...props} />
      </Suspense>
    );
  };
}
