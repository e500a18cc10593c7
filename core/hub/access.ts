/**
 * Whether files on the hub can be downloaded, found out before anything needs them.
 *
 * @module
 */
import { RepoCache, sizeOf } from "./cache.ts";
import { addressOf } from "./download.ts";
import { offlineError, request, withRetries } from "./http.ts";
import { parseHubUrl } from "./location.ts";
import { type HubOptions, hubSettings } from "./options.ts";
import { resolveSnapshot } from "./snapshot.ts";

/**
 * Why the files of an `hf://` URL cannot be read here; undefined if they can. The hub lists the files of gated
 * repositories to everyone, so the first byte of one that is not in the cache is asked for.
 */
export async function accessProblem(
  url: string,
  options: HubOptions = {},
): Promise<string | undefined> {
  const settings = hubSettings(options);
  try {
    const { type, repo, commit, files } = await resolveSnapshot(parseHubUrl(url), options);
    const cache = new RepoCache(settings.cache, repo, type);
    for (const { path, bytes } of files) {
      if (bytes === 0 || await sizeOf(cache.snapshotPath(commit, path)) === bytes) continue;
      const subject = { type, repo, revision: commit, path };
      if (settings.offline) throw offlineError(subject, settings);
      await withRetries(`asking for ${path} of ${repo}`, settings, async () => {
        const headers = { range: "bytes=0-0", "accept-encoding": "identity" };
        const response = await request(addressOf(subject, settings), headers, subject, settings);
        await response.body?.cancel();
      });
      return undefined;
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
