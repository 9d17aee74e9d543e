/** The codes of PlyfsError: what a program can tell errors apart by. For each the exit status of a command that ends with it (2: its words
 *  are wrong), and what it means. native-notes/errors.md is this table for library users; test/unit/error-codes.test.ts compares the two, and finds
 *  rows that nothing throws. A code stays what it is once it was released. */

const rows = {
  // What the caller wrote.
  usage: [2, 'The words of a command, or a variable of the environment, make no sense.'],
  reference: [2, 'A text is no image reference, or has a tag or digest where none can be, or none where one must be.'],
  'bad-platform': [2, 'A text is no platform (os/architecture/variant).'],
  name: [2, 'A text cannot name a container.'],
  filter: [2, 'A --filter is none of those that the listing knows, or its value is none.'],
  template: [2, 'A --format template cannot be read.'],
  'template-field': [1, 'A --format template asks for what is not there.'],
  change: [2, 'An instruction of --change is unknown, not allowed there or malformed.'],
  'unknown-mount-flag': [2, 'A word of -o is no mount flag.'],
  'no-such-layer': [2, 'An image has no layer of this number.'],
  'no-work': [2, 'An upperdir is given without a workdir.'],
  'bad-option': [1, 'A mount option has no value or one that it cannot have.'],

  // What is not there, or not the only one.
  'no-image': [1, 'No image of that name, ID or digest: not in the store, in the archive or at the path.'],
  'no-container': [1, 'No container of that name or ID.'],
  'no-file': [1, 'No file at the path that is to be imported or replayed.'],
  'no-blob': [1, 'The store has no blob of that digest.'],
  'no-layer': [1, 'An image has no layers where some are needed, or none above its base.'],
  'no-base': [1, 'An image does not lie on the base that is named, or none is found.'],
  'no-upper': [1, 'The upper is not a directory.'],
  'name-in-use': [1, 'Another container has the name.'],
  ambiguous: [1, 'Several images or containers fit: more characters or a name are needed.'],
  platform: [1, 'There is the image, but not for the platform.'],
  closed: [1, 'The image or descriptor has been closed.'],

  // Paths in the view of an image or container, and of this machine; as the errno of that name.
  ENOENT: [1, 'No such file or directory.'],
  ENOTDIR: [1, 'Not a directory.'],
  EISDIR: [1, 'Is a directory.'],
  ELOOP: [1, 'Too many symlinks on the way.'],
  EINVAL: [1, 'Not of the kind that was asked for: no symlink, no regular file.'],
  EROFS: [1, 'The container is mounted read-only.'],
  copy: [1, 'A file could not be copied into or out of a container.'],
  unreadable: [1, 'A file of a layer or upper cannot be read.'],
  unwritable: [1, 'An output cannot be written.'],

  // Archives and documents.
  archive: [1, 'An archive or layout directory is none, or does not hold together.'],
  document: [1, 'A JSON document (manifest, config, index) is malformed, too deep or too long.'],
  digest: [1, 'Bytes have another digest or size than their descriptor says.'],
  truncated: [1, 'A file or stream ends too early.'],
  damaged: [1, 'The copy of a blob in the store is damaged.'],
  BAD_TAR: [1, 'A tar is malformed, or links to what the layers below do not have.'],
  BAD_COMPRESSION: [1, 'Compressed data is damaged or cut off.'],
  BAD_INDEX: [1, 'The index of a layer is damaged or of another version.'],
  UNSUPPORTED: [1, 'A form that is not read or written here: a compression, a kind of tar entry.'],
  OVER_LIMIT: [1, 'An archive or layer is over a limit; PLYFS_LIMITS allows more.'],

  // The store, and making images.
  store: [1, 'The store cannot be read or written.'],
  'store-format': [1, 'The store was written by another version of plyfs.'],
  'in-use': [1, 'An image, container, upper or work directory is in use.'],
  conflict: [1, 'A rebase would change what the image means.'],
  unsettled: [1, 'What is to be committed changes so fast that it could not be read at one moment.'],
  'no-markers': [1, 'The file system of the upper keeps no mark for what is deleted.'],
  'wh-names': [1, 'Names that begin with .wh. cannot be kept there.'],
  marker: [1, 'A name of a tree begins with .wh. and hides nothing.'],

  // Mounts.
  'mount-failed': [1, 'The kernel or its helper refused the mount.'],
  'unmount-failed': [1, 'The kernel or its helper refused to unmount.'],
  'target-missing': [1, 'The mount point does not exist.'],
  'target-denied': [1, 'The mount point cannot be reached with these rights.'],
  'target-no-directory': [1, 'The mount point is not a directory.'],
  'target-dead': [1, 'The mount point is a mount whose server is gone.'],
  'target-unreadable': [1, 'The mount point cannot be looked at.'],
  'few-descriptors': [1, 'The limit of open files is too low for the layers of a mount.'],
  'target-busy': [1, 'The mount point, or a file on the mount, is in use.'],
  'too-long': [1, 'The path of the mount point or the options are too long for the driver.'],
  'bad-path': [1, 'A layer, upper or work directory cannot be reached.'],
  'not-a-directory': [1, 'A layer, upper or work directory is no directory.'],
  overlap: [1, 'Layers, upper, work directory, target and store lie inside each other.'],
  'different-file-systems': [1, 'Upper and work directory are on different mounts.'],
  volatile: [1, 'A volatile mount that crashed has used the upper.'],
  rights: [1, 'The caller has not the rights that this takes.'],
  'read-only': [1, 'A mount that was made read-only cannot become writable.'],
  unflushed: [1, 'What was written may not have reached the upper.'],
  'no-trace': [1, 'A mount or file has no trace of requests, or a spoiled one.'],
  'not-mounted': [1, 'plyfs has mounted nothing there.'],
  'still-running': [1, 'The mount is gone, its daemon is not.'],
  'no-runtime-directory': [1, 'There is no place for the records of mounts.'],
  'no-device': [1, '/dev/fuse is missing or cannot be opened.'],
  'no-fuse-native': [1, 'The fuse-native package is missing or unknown.'],
  'no-libfuse2': [1, 'The library that fuse-native needs is missing.'],
  'no-answer': [1, "A mount's daemon does not answer, or in another way."],
  'bad-request': [1, "A mount's daemon does not know the request: it is of another version."],
  refused: [1, "A mount's daemon refused the request."],
  ended: [1, "A mount's process or serving thread ended before the mount was ready."],
  crashed: [1, "A mount's serving thread broke."],
  failed: [1, 'A mount could not be served.'],

  // Registries.
  interrupted: [1, 'The person or a signal broke it off; nothing has changed.'],
  'registry-absent': [1, 'The registry does not have it.'],
  'registry-answer': [1, 'The registry or its token service answers otherwise than the protocol says.'],
  'registry-blob-unknown': [1, 'A manifest names blobs that the repository does not have.'],
  'registry-blocked': [1, 'registries.conf blocks the registry.'],
  'registry-broken': [1, 'The connection broke off.'],
  'registry-config': [1, 'A configuration file of registries is malformed or cannot be read.'],
  'registry-credentials': [1, 'A credential helper failed, or there is no credential to log in with.'],
  'registry-denied': [1, 'The registry denies access.'],
  'registry-failing': [1, 'The registry fails (status 500 and above).'],
  'registry-limit': [1, 'The registry takes no more requests for now.'],
  'registry-media-type': [1, 'The registry takes no manifest of this type.'],
  'registry-tls': [1, 'The certificate or the TLS connection is refused.'],
  'registry-unreachable': [1, 'The registry cannot be reached.'],
  'registry-unsupported': [1, 'The registry does not offer this.'],

  bench: [1, 'A measurement could not be made.'],
} as const satisfies Record<string, readonly [exitStatus: number, meaning: string]>;

/** Named so that a compiler's message about a code that has no row leads here. */
interface RowsOfErrorCodesTs extends Record<keyof typeof rows, readonly [exitStatus: number, meaning: string]> {}

export type ErrorCode = keyof RowsOfErrorCodesTs;

export interface ErrorMeaning {
  /** Of a command that ends with it. */
  readonly exitStatus: number;
  readonly meaning: string;
}

export const errorCodes = Object.fromEntries(
  Object.entries(rows).map(([code, [exitStatus, meaning]]) => [code, { exitStatus, meaning }]),
) as Readonly<Record<ErrorCode, ErrorMeaning>>; // the same keys
