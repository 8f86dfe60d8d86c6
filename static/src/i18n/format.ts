// Changes when: how numbers, sizes and times are written does. All of it is Intl's.

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

const DAY = 86_400_000;

/** Writes numbers the way people of one language read them. */
export class Formats {
  readonly #locale: string;
  readonly #percent: Intl.NumberFormat;
  readonly #units = new Map<string, Intl.NumberFormat>();

  constructor(locale: string) {
    this.#locale = locale;
    this.#percent = new Intl.NumberFormat(locale, { style: 'percent' });
  }

  /** `share` is 0 to 100. What is not done is never said to be. */
  percent(share: number): string {
    return this.#percent.format(Math.floor(Math.min(100, Math.max(0, share))) / 100);
  }

  bytes(count: number): string {
    const { value, unit, digits } = scaled(count);
    return this.#unit(unit, digits).format(value);
  }

  bytesPerSecond(count: number): string {
    const { value, unit, digits } = scaled(count);
    return this.#unit(`${unit}-per-second`, digits).format(value);
  }

  /** A place in a video: 0:07, 12:34, 1:02:03. */
  clock(seconds: number): string {
    const whole = Math.max(0, Math.floor(seconds));
    const two = (n: number) => String(n).padStart(2, '0');
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  }

  /** About how long something takes: 8 sec, 3 min, 2 hr. */
  span(seconds: number): string {
    const whole = Math.max(1, Math.ceil(seconds));
    if (whole < 60) return this.#unit('second', 0).format(whole);
    if (whole < 3600) return this.#unit('minute', 0).format(Math.round(whole / 60));
    return this.#unit('hour', 1).format(whole / 3600);
  }

  /** A moment (milliseconds since 1970): today or yesterday by that name, else by its date. */
  moment(at: number, now: number): string {
    const days = Math.round((midnight(at) - midnight(now)) / DAY);
    const day =
      days === 0 || days === -1
        ? new Intl.RelativeTimeFormat(this.#locale, { numeric: 'auto' }).format(days, 'day')
        : new Intl.DateTimeFormat(this.#locale, { dateStyle: 'medium' }).format(at);
    const time = new Intl.DateTimeFormat(this.#locale, { timeStyle: 'short' }).format(at);
    return `${day}, ${time}`;
  }

  size(width: number, height: number): string {
    return `${width} × ${height}`;
  }

  #unit(unit: string, digits: number): Intl.NumberFormat {
    const key = `${unit} ${digits}`;
    const known = this.#units.get(key);
    if (known) return known;
    const made = new Intl.NumberFormat(this.#locale, {
      style: 'unit',
      unit,
      unitDisplay: unit === 'byte' ? 'long' : 'short',
      minimumFractionDigits: 0,
      maximumFractionDigits: digits,
    });
    this.#units.set(key, made);
    return made;
  }
}

/** When the day of a moment began, where the reader is. */
function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

function scaled(count: number): { value: number; unit: string; digits: number } {
  let value = Math.max(0, count);
  let step = 0;
  while (value >= 999.5 && step < UNITS.length - 1) {
    value /= 1000;
    step += 1;
  }
  return { value, unit: UNITS[step] ?? 'byte', digits: step > 1 && value < 99.95 ? 1 : 0 };
}
