// Name and title of a broadcast to be. The name chooses the avatar, so the preview follows while it is typed.
import { isStreamName } from '@hayate/protocol';
import { type FormEvent, useState } from 'react';
import { Icon } from './icon.tsx';

export interface GoLiveFormProps {
  stream: string;
  title: string;
  /** The browser lacks something, or a start is under way. */
  disabled: boolean;
  starting: boolean;
  onStream: (stream: string) => void;
  onTitle: (title: string) => void;
  onGoLive: () => void;
}

/** Asks for name and title. */
export function GoLiveForm({ stream, title, disabled, starting, onStream, onTitle, onGoLive }: GoLiveFormProps) {
  const [isTouched, setIsTouched] = useState(false);
  const isWrong = isTouched && !isStreamName(stream);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setIsTouched(true);
    if (isStreamName(stream)) onGoLive();
  };
  return (
    <form className="go-live" onSubmit={submit} noValidate>
      <div className="field">
        <label htmlFor="stream">Stream name</label>
        <input
          id="stream"
          name="stream"
          value={stream}
          maxLength={64}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          required
          aria-invalid={isWrong}
          aria-describedby="stream-hint"
          onChange={(event) => onStream(event.currentTarget.value.trim())}
          onBlur={() => setIsTouched(true)}
        />
        <p id="stream-hint" className={isWrong ? 'hint hint-wrong' : 'hint'}>
          {isWrong ? 'Letters A–Z, digits, _ and - only, up to 64.' : 'Your address, and your avatar: every name has its own.'}
        </p>
      </div>
      <div className="field">
        <label htmlFor="title">Title</label>
        <input
          id="title"
          name="title"
          value={title}
          maxLength={200}
          autoComplete="off"
          placeholder="What is it about?"
          onChange={(event) => onTitle(event.currentTarget.value)}
        />
      </div>
      <button type="submit" className="button button-primary button-wide" disabled={disabled || starting}>
        <Icon name="broadcast" />
        {starting ? 'Starting…' : 'Go live'}
      </button>
    </form>
  );
}
