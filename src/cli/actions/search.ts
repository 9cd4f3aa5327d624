import { PackferryError } from '../../core/errors.ts';
import { formatSize } from '../../core/size.ts';
import { searchImages } from '../../flows/search.ts';
import type { SearchReport } from '../../schema/reports-tags.ts';
import { cacheFolderOf } from '../context.ts';
import type { Action, CommonOptions } from '../session.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';

export interface SearchOptions extends CommonOptions {
  readonly metadata: string;
  readonly pythonPackage?: readonly string[];
  readonly osPackage?: readonly string[];
  readonly python?: string;
  readonly name?: string;
  readonly allTags?: boolean;
}

/** `search --metadata FOLDER` */
export const search: Action<SearchOptions> = async ({ emit, signal, context }, words, options) => {
  const { pythonPackage: pythonPackages = [], osPackage: osPackages = [], python, name } = options;
  const query = { pythonPackages, osPackages, python, name, words };
  if ([...pythonPackages, ...osPackages, ...words, python ?? '', name ?? ''].join('') === '') {
    throw new PackferryError('E_USAGE', 'nothing to search for', {
      hint: 'Give words, or options such as --python-package, --os-package, --python and --name.',
    });
  }
  const report = await searchImages({
    ...{ query, emit, signal, metadata: options.metadata, cacheFolder: cacheFolderOf(context) },
    allTags: options.allTags ?? false,
  });
  return { report, text: searchText(report), summary: summaryOf(report) };
};

function searchText({ images }: SearchReport): string {
  if (images.length === 0) return 'No image fits.';
  return table(images, [
    { title: 'IMAGE', value: ({ reference }) => reference },
    { title: 'SIZE', align: 'right', value: ({ bytes }) => (bytes === undefined ? '-' : formatSize(bytes)) },
    { title: 'PYTHON', value: ({ python }) => python ?? '-' },
    { title: 'CREATED', value: ({ created }) => created?.slice(0, 10) ?? '-' },
    {
      title: 'PACKAGES',
      value: ({ packages }) => packages.map((found) => `${found.name} ${found.version}`).join(', '),
    },
  ]);
}

function summaryOf({ images, searched }: SearchReport): string {
  const older = images.reduce((sum, image) => sum + image.older, 0);
  const more = older === 0 ? '' : ` ${count(older, 'older tag')} not shown (--all-tags).`;
  return `${count(images.length, 'image')} of ${count(searched, 'tag')}.${more}`;
}
