/** Text from outside: isolated, so that it reorders nothing around it, with what is invisible made visible. */
import { hasHidden, segmentsOf } from '../lib/visible';

export function Text({ value, class: className }: { value: string; class?: string }) {
  if (!hasHidden(value)) return <bdi class={className}>{value}</bdi>;
  return (
    <bdi class={className}>
      {segmentsOf(value).map((segment, i) =>
        'text' in segment ? (
          <bdi key={i}>{segment.text}</bdi>
        ) : (
          <span key={i} class="hidden-char" title={`${segment.code}, a character that is not visible`}>
            {segment.hidden}
          </span>
        ),
      )}
    </bdi>
  );
}
