/** The form of a row of the operations table. */

import { FsError } from '../../base/errors.js';
import { type OpcodeName, opcode } from '../protocol/constants.js';
import type { AnyStruct, Field, Struct, ValueOf } from '../protocol/struct.js';
import type { Connection } from './connection.js';
import type { Request } from './request.js';

/** One opcode. */
export interface Operation {
  readonly name: OpcodeName;
  readonly opcode: number;
  /** Does the work and returns the length of the reply's body, or `noReply`. Refusals are FsErrors. */
  readonly run: (connection: Connection, request: Request) => number;
  /** The structure behind the header, how many names follow it, and the structure of the reply: for traces. */
  readonly input: AnyStruct | undefined;
  readonly names: number;
  readonly output: AnyStruct | undefined;
  /** Why it is refused, for a row that only refuses. */
  readonly reason: string | undefined;
}

/** What `run` returns when the kernel expects no answer. */
export const noReply = -1;

interface Shape {
  names?: number;
  output?: AnyStruct;
}

/** A row without an input structure. */
export function operation(name: OpcodeName, shape: Shape, run: Operation['run']): Operation {
  return { name, opcode: opcode[name], input: undefined, names: shape.names ?? 0, output: shape.output, reason: undefined, run };
}

/** A row with one: `run` gets it decoded. */
export function operationOf<const F extends readonly Field[]>(
  name: OpcodeName,
  input: Struct<F>,
  shape: Shape,
  run: (connection: Connection, request: Request, input: ValueOf<F>) => number,
): Operation {
  const { size } = input;
  const row = operation(name, shape, (connection, request) =>
    run(connection, request, input.read(request.words, request.body(size))),
  );
  return { ...row, input };
}

/** A row that only refuses. */
export function refusal(name: OpcodeName, errno: number, reason: string): Operation {
  const row = operation(name, {}, () => {
    throw new FsError(errno, reason);
  });
  return { ...row, reason };
}
