// Changes when: the place where people add videos does.
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { base, buttons } from '../controls.ts';
import { Localized } from '../i18n/localized.ts';
import { type IconName, icon } from '../icons.ts';
import { severalWanted, wantSeveral } from './connections.ts';
import { dropZoneStyle } from './drop-zone-style.ts';
import { foldersCanBePicked, pick } from './file-picker.ts';
import { type Choice, fromFolder } from './files.ts';
import { raceScene, raceSceneStyle } from './race-scene.ts';

/** Files were chosen. */
export class FilesChosen extends Event {
  static readonly type = 'files-chosen';
  readonly choice: Choice;

  constructor(choice: Choice) {
    super(FilesChosen.type, { bubbles: true, composed: true });
    this.choice = choice;
  }
}

/** The page's headline and its two buttons. */
export class DropZone extends LitElement {
  static override properties = {
    roomy: { type: Boolean, reflect: true },
    lively: { type: Boolean },
  };

  /** There is nothing else on the page: say more. */
  declare roomy: boolean;
  /** Bytes are on their way. */
  declare lively: boolean;
  readonly #words = new Localized(this);

  constructor() {
    super();
    this.roomy = false;
    this.lively = false;
  }

  override render(): TemplateResult {
    const { text } = this.#words;
    return html`
      <div class=${this.lively ? 'zone lively' : 'zone'}>
        <div class="saying">
          <h1>${text.drop.headline}</h1>
          <p class="lead">${text.drop.lead}</p>
        </div>
        <div class="panel">
          ${raceScene()}
          <div class="choose">
            <button class="button primary" @click=${this.#files}>
              ${icon('upload')}${text.drop.files}
            </button>
            ${
              foldersCanBePicked()
                ? html`<button class="button" @click=${this.#folder}>
                    ${icon('folder')}${text.drop.folder}
                  </button>`
                : nothing
            }
          </div>
          <p class="here">${text.drop.here}</p>
          <label class="several">
            <input type="checkbox" .checked=${severalWanted()} @change=${this.#several} />
            ${text.drop.several}
          </label>
        </div>
        ${this.roomy ? this.#steps() : nothing}
      </div>
    `;
  }

  override focus(): void {
    this.renderRoot.querySelector('button')?.focus();
  }

  #steps(): TemplateResult {
    const { drop } = this.#words.text;
    const step = (name: IconName, title: string, hint: string) => html`
      <li>
        <span class="disc">${icon(name)}</span>
        <div>
          <h3>${title}</h3>
          <p>${hint}</p>
        </div>
      </li>
    `;
    return html`
      <h2 class="unseen">${drop.steps}</h2>
      <ol class="steps">
        ${step('upload', drop.upload, drop.uploadHint)}
        ${step('play', drop.processing, drop.processingHint)}
        ${step('check', drop.done, drop.doneHint)}
      </ol>
    `;
  }

  #several(event: Event): void {
    wantSeveral((event.target as HTMLInputElement).checked);
  }

  #files(): void {
    pick('files', (files) => this.#tell({ files, leftOut: 0 }));
  }

  #folder(): void {
    pick('folder', (files) => this.#tell(fromFolder(files)));
  }

  #tell(choice: Choice): void {
    this.dispatchEvent(new FilesChosen(choice));
  }

  static override styles = [base, buttons, raceSceneStyle, dropZoneStyle];
}

customElements.define('reelrace-upload', DropZone);
