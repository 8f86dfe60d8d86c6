// Changes when: language.ts or format.ts does.
import { describe, expect, it } from 'vitest';
import { de } from './de.ts';
import { en } from './en.ts';
import { Formats } from './format.ts';
import { Language, tagFor, wordsFor } from './language.ts';

/** No-break spaces are Intl's own; here they only get in the way. */
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');

describe('tagFor', () => {
  it.each<[string | null, string[], string]>([
    [null, ['de-AT', 'en'], 'de-AT'],
    [null, ['fr', 'en-GB'], 'en-GB'],
    [null, ['fr'], 'en'],
    ['de', ['en-US', 'de-CH'], 'de-CH'],
    ['de', ['en-US'], 'de'],
    ['xx', ['de'], 'de'],
    ['constructor', [], 'en'],
  ])('%s of %o is %s', (chosen, spoken, tag) => {
    expect(tagFor(chosen, spoken)).toBe(tag);
  });
});

describe('Language', () => {
  it('remembers what was chosen', () => {
    const kept = new Map<string, string>();
    const preferences = {
      languages: ['en-GB', 'de-AT'],
      read: (key: string) => kept.get(key) ?? null,
      write: (key: string, value: string) => kept.set(key, value),
    };
    const language = new Language(preferences);
    expect([language.code, language.text]).toEqual(['en', en]);
    let changes = 0;
    language.subscribe(() => {
      changes += 1;
    });
    language.choose('de');
    language.choose('de');
    expect([language.code, language.text, changes]).toEqual(['de', de, 1]);
    expect(new Language(preferences).code).toBe('de');
  });
});

describe('wordsFor', () => {
  it('has words for codes, and else the sentence of the server', () => {
    const problem = (code: string, title = '') => ({ code, title });
    expect(wordsFor(problem('not_media', 'English.'), de)).toBe(de.errors.not_media);
    expect(wordsFor(problem('brand_new', 'A new sentence.'), de)).toBe('A new sentence.');
    expect(wordsFor(problem('brand_new'), de)).toBe(de.errors.unexpected);
    expect(wordsFor(problem('toString', 'Hm.'), de)).toBe('Hm.');
  });
});

describe('texts', () => {
  it('are there, in both languages', () => {
    const leaves = (node: object): unknown[] =>
      Object.values(node).flatMap((value) => (typeof value === 'object' ? leaves(value) : [value]));
    for (const text of [...leaves(de), ...leaves(en)]) {
      const said = typeof text === 'function' ? text(2, 'b') : text;
      expect(String(said).trim()).not.toBe('');
    }
  });
});

describe('Formats', () => {
  const english = new Formats('en-GB');
  const german = new Formats('de-DE');

  it('writes sizes and speeds', () => {
    expect(plain(english.bytes(0))).toBe('0 bytes');
    expect(plain(english.bytes(999))).toBe('999 bytes');
    expect(plain(english.bytes(1_500))).toBe('2 kB');
    expect(plain(german.bytes(7_608_204))).toBe('7,6 MB');
    expect(plain(german.bytes(12_340_000_000_000))).toBe('12,3 TB');
    expect(plain(german.bytesPerSecond(1_234_567))).toBe('1,2 MB/s');
  });

  it('never says that it is done before it is', () => {
    expect(plain(english.percent(99.9))).toBe('99%');
    expect(plain(german.percent(100))).toBe('100 %');
    expect(plain(german.percent(-1))).toBe('0 %');
  });

  it('writes times', () => {
    expect(english.clock(7.9)).toBe('0:07');
    expect(english.clock(754)).toBe('12:34');
    expect(english.clock(3_723)).toBe('1:02:03');
    expect(plain(german.span(0.2))).toBe('1 Sek.');
    expect(plain(german.span(100))).toBe('2 Min.');
    expect(plain(german.span(5_400))).toBe('1,5 Std.');
  });

  it('names the day of a moment', () => {
    const now = new Date(2026, 10, 20, 18).getTime();
    const on = (day: number) => new Date(2026, 10, day, 9, 5).getTime();
    expect(german.moment(on(20), now)).toBe('heute, 09:05');
    expect(english.moment(on(20), now)).toBe('today, 09:05');
    expect(german.moment(on(19), now)).toBe('gestern, 09:05');
    expect(german.moment(on(18), now)).toBe('18.11.2026, 09:05');
    expect(german.moment(on(21), now)).toBe('21.11.2026, 09:05');
  });
});
