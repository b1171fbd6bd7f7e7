// Name and title of the next broadcast. The name chooses the avatar, so the preview follows while
// it is typed. An invalid name gets an explanation and a suggestion while one types, but never
// while an input method composes.
import { isStreamName, proposeStreamName } from '@hayate/protocol';
import { type FormEvent, useState } from 'react';
import { useComposition } from '../studio/composition.ts';
import { foldName, nameAdvice } from '../studio/name-advice.ts';
import { useLiveNames } from '../studio/use-live-names.ts';
import { Icon } from './icon.tsx';
import { excessOf, TitleField } from './title-field.tsx';

interface GoLiveFormProps {
  stream: string;
  title: string;
  /** The browser lacks a feature, or a start is in progress. */
  disabled: boolean;
  starting: boolean;
  onStream: (stream: string) => void;
  onTitle: (title: string) => void;
  onGoLive: () => void;
}

/** Asks for name and title. */
export function GoLiveForm({ stream, title, disabled, starting, onStream, onTitle, onGoLive }: GoLiveFormProps) {
  const isLive = useLiveNames();
  const [made] = useState(() => proposeStreamName('', { isTaken: isLive }));
  const { isComposing, handlers } = useComposition();
  const advice = nameAdvice({ stream, title, made }, isLive);
  const isWrong = advice.isWrong && !isComposing;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isStreamName(stream)) field(event, 'stream')?.focus();
    else if (excessOf(title) > 0) field(event, 'title')?.focus();
    else onGoLive();
  };
  return (
    <form className="go-live" onSubmit={submit} noValidate>
      <div className="field">
        <label htmlFor="stream">Stream name</label>
        <input
          id="stream"
          name="stream"
          value={stream}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          required
          aria-invalid={isWrong}
          aria-describedby="stream-hint"
          {...handlers}
          // Text in composition must not be rewritten: that would break the input method.
          onChange={(event) => {
            const { value } = event.currentTarget;
            onStream(isComposed(event.nativeEvent) ? value : foldName(value));
          }}
          onCompositionEnd={(event) => {
            handlers.onCompositionEnd();
            onStream(foldName(event.currentTarget.value));
          }}
        />
        <div className="advice">
          <p id="stream-hint" className={isWrong ? 'hint hint-wrong' : 'hint'} aria-live="polite">
            {isComposing ? 'The name sets your address and your avatar.' : advice.sentence}
          </p>
          {!isComposing && advice.proposal !== undefined && (
            <button type="button" className="button proposal" onClick={() => onStream(advice.proposal ?? stream)}>
              Use {advice.proposal}
            </button>
          )}
        </div>
      </div>
      <TitleField title={title} onTitle={onTitle} />
      <button type="submit" className="button button-primary button-wide" disabled={disabled || starting}>
        <Icon name="broadcast" />
        {starting ? 'Starting…' : 'Go live'}
      </button>
    </form>
  );
}

function field({ currentTarget }: FormEvent, name: string): HTMLElement | undefined {
  const element = currentTarget instanceof HTMLFormElement ? currentTarget.elements.namedItem(name) : null;
  return element instanceof HTMLElement ? element : undefined;
}

function isComposed(event: Event): boolean {
  return event instanceof InputEvent && event.isComposing;
}
