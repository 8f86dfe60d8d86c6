// Changes when: what a failure of tus-js-client means to us does.
import type { DetailedError } from 'tus-js-client';
import { ownProblem, type Problem, problemOf } from '../api/problem.ts';

/** An answer that tus-js-client would take for a reason to begin anew. */
export class Refused extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(problem.code);
    this.status = status;
    this.problem = problem;
  }
}

/** What an error of tus-js-client means. */
export function reason(error: unknown): { status: number; problem: Problem } {
  const { causingError, originalResponse: answer } = error as Partial<DetailedError>;
  if (causingError instanceof Refused) return causingError;
  if (answer) return { status: answer.getStatus(), problem: problemOf(answer.getBody()) };
  return { status: 0, problem: ownProblem('network') };
}
