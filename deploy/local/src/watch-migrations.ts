import { existsSync, type FSWatcher, watch } from "node:fs";
import { join } from "node:path";

/** A migration is several files, which are written one after the other. */
const QUIET_MS = 500;

/**
 * Watches folders of migrations, which no process imports and no reload sees.
 * @param folders by the name that `onChange` is told, once things have been quiet for half a second; one that does not exist is left out
 * @returns ends it
 */
export function watchMigrations(
  folders: ReadonlyMap<string, readonly string[]>,
  onChange: (name: string) => void,
): () => void {
  const timers = new Map<string, Timer>();
  const changed = (name: string) => {
    clearTimeout(timers.get(name));
    timers.set(
      name,
      setTimeout(() => onChange(name), QUIET_MS),
    );
  };
  const watchers: FSWatcher[] = [];
  for (const [name, paths] of folders)
    for (const path of paths.flatMap((folder) => [folder, join(folder, "meta")]))
      if (existsSync(path)) watchers.push(watch(path, () => changed(name)));
  return () => {
    for (const watcher of watchers) watcher.close();
    for (const timer of timers.values()) clearTimeout(timer);
  };
}
