// Changes when: which parts the page is made of does. The only place that knows them all.
import { Upload } from 'tus-js-client';
import { Client } from './api/client.ts';
import { Library } from './api/library.ts';
import { systemClock } from './clock.ts';
import { Page } from './page.ts';
import { Queue } from './queue/queue.ts';
import { severalWanted } from './upload/connections.ts';
import { Handles } from './upload/handles.ts';
import { Begun } from './upload/unfinished.ts';
import { Uploads } from './upload/uploads.ts';

const client = new Client();
const handles = new Handles();
const uploads = new Uploads({
  clock: systemClock,
  make: (file, options) => {
    const upload = new Upload(file, options);
    // Else it could not be taken back before it has begun.
    upload.url = options.uploadUrl ?? null;
    return upload;
  },
  begun: new Begun(() => client.unfinished(), systemClock),
  several: severalWanted,
  online: () => navigator.onLine,
  keep: handles,
});
const library = new Library(
  client,
  systemClock,
  () => uploads.busy,
  (address) => new EventSource(address),
);
const queue = new Queue(uploads, library);

const page = document.querySelector('reelrace-page');
if (page instanceof Page) page.parts = { uploads, library, queue, handles };
library.follow(document);
