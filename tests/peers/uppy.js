// Changes when: how Uppy is set up by those who follow its documentation does.
import Uppy from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import Tus from '@uppy/tus';

window.begin = (endpoint, parallelUploads) => {
  window.uppy = new Uppy()
    .use(Dashboard, { inline: true, target: 'body' })
    .use(Tus, { endpoint, parallelUploads });
  window.uppy.on('complete', ({ successful, failed }) => {
    window.ended = { urls: successful.map(({ uploadURL }) => uploadURL), failed: failed.length };
  });
};
