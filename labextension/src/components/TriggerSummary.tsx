import * as React from 'react';

import { trans } from '../i18n';
import { brief } from '../logic/parameters';
import { describe } from '../logic/triggerWords';
import { useFires } from '../queries';
import type { ITrigger } from '../tokens';
import { Button } from './basics';
import { Fires } from './Fires';

/** So many triggers are shown at first; each is asked for its next times. */
const SHOWN = 10;

/** Every time at which a job runs, in words, with what comes next. */
export function TriggerSummaries(props: { triggers: ITrigger[] }) {
  const { triggers } = props;
  const [all, setAll] = React.useState(false);
  return (
    <>
      <ul className="jp-orch-plain">
        {triggers.slice(0, all ? undefined : SHOWN).map(trigger => (
          <Summary key={trigger.id} trigger={trigger} />
        ))}
      </ul>
      {!all && triggers.length > SHOWN && (
        <Button kind="link" onClick={() => setAll(true)}>
          {trans.__('Show all %1', triggers.length)}
        </Button>
      )}
    </>
  );
}

function Summary(props: { trigger: ITrigger }) {
  const { trigger } = props;
  const fires = useFires(trigger);
  const own = Object.entries(trigger.parameters ?? {});
  return (
    <li className="jp-orch-when">
      <div>
        {fires.data?.description ??
          `${describe(trigger)} (${trigger.time_zone})`}{' '}
        <span className="jp-orch-badge" title={trans.__('Its name')}>
          {trigger.id}
        </span>
      </div>
      {own.length > 0 && (
        <code>
          {own.map(([name, value]) => `${name} = ${brief(value)}`).join(', ')}
        </code>
      )}
      {fires.data && <Fires fires={fires.data} zone={trigger.time_zone} />}
    </li>
  );
}
