/** Something that only a person knows. */
export interface SshQuestion {
  /** A passphrase of a key file; a password; or what a host asks for by itself (keyboard-interactive). */
  readonly kind: 'passphrase' | 'password' | 'answer';
  /** One line for people, without line breaks and control characters. */
  readonly text: string;
  /** Whether what is typed may be seen. */
  readonly isShown: boolean;
}

/** Asks a person. The answer is used once; whoever asks may keep it in memory for the case that the connection breaks. */
export type AskPerson = (question: SshQuestion) => Promise<string>;
