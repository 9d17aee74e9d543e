/** The library: images as trees of files, without FUSE and without root. */

export type { Digest } from './base/digest.js';
export { type ErrorCode, errorCodes } from './base/error-codes.js';
export { PlyfsError } from './base/errors.js';
export {
  type FileKind,
  Image,
  type ImageEntry,
  type ImageLayer,
  type ImagePath,
  type ImageStat,
  type OpenImageOptions,
  openImage,
  type PathVersion,
  type WalkEntry,
} from './image/open-image.js';
export { type Pulled, type PullImageOptions, pullImage } from './image/pull.js';
export { type PushImageOptions, pushImage } from './image/push.js';
export type { StackChoice } from './image/stack/stack-choice.js';
export type { PushedManifest } from './image/transports/registry-sink.js';
export type { HistoryEntry, ImageConfig } from './oci/config.js';
export type { Platform } from './oci/platform.js';
export type { RunConfig } from './oci/run-config.js';
