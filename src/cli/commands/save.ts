/** plyfs save: images of the store into one archive. */

import { PlyfsError } from '../../base/errors.js';
import { saveImages, saveToFile, saveToLayout } from '../../image/save.js';
import type { LayerCompression } from '../../image/transports/compress-image.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { Progress } from '../progress.js';

export const command = newCommand(
  'save',
  "Saves images into one archive: docker's format of engine 25 and later, an OCI layout too. The same images give the same bytes.\n" +
    'Layers are written as plain tars, so that the manifest is another one; plyfs copy NAME oci-archive:FILE keeps it.',
  ['plyfs save -o app.tar app:1.0', 'plyfs save app:1.0 base | gzip > both.tar.gz'],
)
  .argument('<images...>', 'names, IDs or digests; a repository without a tag means all its tags')
  .option('-o, --output <path>', 'write to this file, which appears when it is whole, instead of standard output')
  .option(
    '--format <docker-archive|oci-dir>',
    'an archive, or with -o an OCI layout directory, which is made or added to',
    'docker-archive',
  )
  .option('--compress <gzip|zstd>', 'compress the layers, which changes their digests and not the image ID')
  .option('-q, --quiet', 'no progress')
  .action(async (images: string[], options: { output?: string; quiet?: boolean; compress?: string; format: string }) => {
    const progress = new Progress('Saving', options.quiet);
    const saveOptions = {
      compression: compressionFrom(options.compress),
      onImages: progress.onImages,
      progress: progress.onBytes,
    };
    const toDirectory = isDirectoryFormat(options.format, options.output);
    if (options.output === undefined && process.stdout.isTTY) {
      throw new PlyfsError('usage', 'cowardly refusing to save to a terminal: use -o or redirect');
    }
    try {
      if (options.output === undefined) await saveImages(new Store(), images, process.stdout, saveOptions);
      else if (toDirectory) await saveToLayout(new Store(), images, options.output, saveOptions);
      else await saveToFile(new Store(), images, options.output, saveOptions);
    } finally {
      progress.end();
    }
  });

function compressionFrom(text: string | undefined): LayerCompression | undefined {
  if (text === undefined || text === 'gzip' || text === 'zstd') return text;
  throw new PlyfsError('usage', `--compress ${text}: write gzip or zstd`);
}

function isDirectoryFormat(format: string, output: string | undefined): boolean {
  if (format !== 'docker-archive' && format !== 'oci-dir') {
    throw new PlyfsError('usage', `--format ${format}: write docker-archive or oci-dir`);
  }
  if (format === 'oci-dir' && output === undefined) {
    throw new PlyfsError('usage', '--format oci-dir needs a directory: name it with -o');
  }
  return format === 'oci-dir';
}
