// Changes when: how media-chrome gets the small pictures above its seek bar does.
import { Storyboard } from '../pictures/storyboard.ts';

/** Keeps the cues that media-chrome looks for: of a track of metadata called "thumbnails". */
export class Previews {
  readonly #video: HTMLVideoElement;
  readonly #storyboard = new Storyboard();
  #track: TextTrack | null = null;
  #shown: readonly unknown[] = [];

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  /** Shows the storyboard at `address`, of a video that reaches up to `reach` seconds by now. */
  async follow(address: string | null, reach: number): Promise<void> {
    if (address) await this.#storyboard.look(address, reach);
    const tiles = address ? this.#storyboard.tiles : [];
    // hls.js empties every track when it begins with a stream.
    const kept = this.#track?.cues?.length ?? 0;
    if (tiles === this.#shown && kept === tiles.length) return;
    this.#shown = tiles;
    this.#track ??= this.#video.addTextTrack('metadata', 'thumbnails');
    const track = this.#track;
    for (const cue of [...(track.cues ?? [])]) track.removeCue(cue);
    for (const { start, end, src, x, width, height } of tiles) {
      track.addCue(new VTTCue(start, end, `${src}#xywh=${x},0,${width},${height}`));
    }
  }
}
