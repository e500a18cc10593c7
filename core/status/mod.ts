/**
 * The status endpoint.
 *
 * @module
 */
export { statusApp } from "./app.ts";
export { DEFAULT_PORT, serveStatus } from "./server.ts";
export type { StatusServer } from "./server.ts";
