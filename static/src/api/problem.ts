// Changes when: how the server words its errors (RFC 9457) does, or an error of our own is added.

/** Codes that this page gives itself; all others come from the server. */
export type OwnCode = 'network' | 'timeout' | 'unexpected' | 'file_unreadable' | 'upload_gone';

/** What went wrong: a stable code, and the server's sentence for codes that we have no words for. */
export interface Problem {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
}

/** A request to the API that did not do what it was meant to. */
export class ApiError extends Error {
  readonly problem: Problem;
  /** HTTP status; zero if there was no answer. */
  readonly status: number;

  constructor(problem: Problem, status: number) {
    super(problem.title || problem.code);
    this.name = 'ApiError';
    this.problem = problem;
    this.status = status;
  }

  get code(): string {
    return this.problem.code;
  }
}

export function ownProblem(code: OwnCode): Problem {
  return { code, title: '', detail: '' };
}

/** Reads a problem document; what is none becomes `unexpected`. */
export function problemOf(body: string): Problem {
  try {
    const found: unknown = JSON.parse(body);
    if (typeof found === 'object' && found !== null && 'code' in found) {
      const { code, title, detail } = found as Record<string, unknown>;
      if (typeof code === 'string' && code) {
        return { code, title: textOr(title), detail: textOr(detail) };
      }
    }
  } catch {
    // A proxy's error page, or nothing at all.
  }
  return ownProblem('unexpected');
}

function textOr(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
