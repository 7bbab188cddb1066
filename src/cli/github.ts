// What a run leaves on GitHub Actions: annotations, the step summary, outputs.
import { messageOf } from '../core/errors.ts';
import { annotation, isGitHubActions, outputsText } from '../report/ci.ts';
import type { System } from '../system/system.ts';

/** What there is to tell. */
export interface GitHubNews {
  readonly annotations?: string;
  /** Markdown. */
  readonly summary: string;
  readonly outputs: Readonly<Record<string, string | undefined>>;
}

/** Tells it where GitHub Actions looks; nothing elsewhere. A file that cannot be written is a warning. */
export async function tellGitHub(system: System, news: GitHubNews): Promise<void> {
  const { env, stdio } = system;
  if (!isGitHubActions(env)) return;
  if (news.annotations) stdio.writeErr(news.annotations);
  await append(system, 'GITHUB_STEP_SUMMARY', news.summary);
  const delimiter = `shipper-${system.random(16)}`;
  await append(system, 'GITHUB_OUTPUT', outputsText(news.outputs, delimiter));
}

async function append(system: System, variable: string, text: string): Promise<void> {
  const path = system.env[variable];
  if (!path || text === '') return;
  try {
    await system.files.appendText(path, text);
  } catch (error) {
    // The work is done and told; only this page lacks it.
    const message = `Cannot write ${variable}: ${messageOf(error)}`;
    system.stdio.writeErr(annotation('warning', message));
  }
}
