// What `npm run dev` passes on to the service. The service answers pages of its own address alone, and this page has that of Vite:
// a request of this very page goes on under the service's address; one that another site's page makes keeps its own and is refused.
import type { ClientRequest, IncomingMessage } from "node:http";
import type { ProxyOptions } from "vite";

/** The first parts of the paths that the editor asks the service for. */
const PATHS = ["/api", "/view", "/upload", "/health", "/history", "/templates", "/experiment"];

export function proxyTo(service: string): Record<string, ProxyOptions> {
  const { origin } = new URL(service);
  const asOurs = (sent: ClientRequest, asked: IncomingMessage) => {
    const given = asked.headers.origin;
    if (given !== undefined && given.replace(/^https?:\/\//, "") === asked.headers.host) sent.setHeader("Origin", origin);
  };
  const options: ProxyOptions = {
    target: origin,
    ws: true,
    changeOrigin: true,
    configure: (proxy) => {
      proxy.on("proxyReq", asOurs);
      proxy.on("proxyReqWs", asOurs);
    },
  };
  return Object.fromEntries(PATHS.map((path) => [path, options]));
}
