/**
 * The status endpoint.
 *
 * @module
 */
export { accessFor, takeToken, TOKEN_VARIABLE } from "./access.ts";
export type { Access } from "./access.ts";
export { statusApp } from "./app.ts";
export type { StatusOptions } from "./app.ts";
export { controlOf } from "./control.ts";
export type { Control } from "./control.ts";
export { DEFAULT_HOST, DEFAULT_PORT, serveStatus } from "./server.ts";
export type { ServerOptions, StatusServer } from "./server.ts";
