// Changes when: which parts the page is made of does. The only place that knows them all.
import { Upload } from 'tus-js-client';
import { Client } from './api/client.ts';
import { Library } from './api/library.ts';
import { systemClock } from './clock.ts';
import { Page } from './page.ts';
import { Queue } from './queue/queue.ts';
import { browserStorage } from './upload/resume.ts';
import { Uploads } from './upload/uploads.ts';

const uploads = new Uploads({
  clock: systemClock,
  storage: browserStorage,
  make: (file, options) => new Upload(file, options),
  online: () => navigator.onLine,
});
const library = new Library(
  new Client(),
  systemClock,
  () => uploads.busy,
  (address) => new EventSource(address),
);
const queue = new Queue(uploads, library);

const page = document.querySelector('reelrace-page');
if (page instanceof Page) page.parts = { uploads, library, queue, storage: browserStorage };
library.follow(document);
