// What a real client does with server-filesystem, started without a folder: it may read what the client's roots say.
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check, holds, until } from './report.mjs';

const textOf = result => result.content[0].text;
const folders = ['one', 'other'].map(name => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'weir-roots-')));
  writeFileSync(join(folder, 'a.txt'), `the text of ${name}`);
  return folder;
});
let root = folders[0];

export const prepare = () => ({ roots: () => [{ uri: `file://${root}`, name: 'project' }] });

export async function run({ client, call }) {
  const allowed = async folder => textOf(await call('list_allowed_directories')).includes(folder);
  const read = folder => call('read_text_file', { path: join(folder, 'a.txt') });
  await check('asked unasked', async () => {
    // The server asks once it is told that the session has begun, when no call is under way.
    await until(() => allowed(folders[0]), 'the server knows the root');
    holds(textOf(await read(folders[0])).includes('the text of one'), 'the file');
    holds((await read(folders[1])).isError, 'no other folder');
  });
  await check('asked again', async () => {
    root = folders[1];
    await client.sendRootsListChanged();
    await until(() => allowed(folders[1]), 'the server knows the new root');
    holds(textOf(await read(folders[1])).includes('the text of other'), 'the file');
    holds((await read(folders[0])).isError, 'the old folder no more');
  });
  await client.close();
  for (const folder of folders) rmSync(folder, { recursive: true });
}
