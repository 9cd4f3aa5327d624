import type { LastingConnection } from '../../ssh/lasting.ts';
import type { Engine } from '../engine.ts';

/** An engine that is asked once more when the connection was lost before it answered. */
export function patientEngine(engine: Engine, lasting: LastingConnection): Engine {
  return {
    name: engine.name,
    facts: engine.facts,
    imageIds: (signal) => lasting.use(() => engine.imageIds(signal)),
    inspect: (key, signal) => lasting.use(() => engine.inspect(key, signal)),
    inspectMany: (ids, signal) => lasting.use(() => engine.inspectMany(ids, signal)),
    freeIn: engine.freeIn,
    tag: (id, name, signal) => lasting.use(() => engine.tag(id, name, signal)),
    untag: (name, signal) => lasting.use(() => engine.untag(name, signal)),
    load: (archive, request) => engine.load(archive, request),
    save: (id, image, signal) => engine.save(id, image, signal),
    build: (request) => engine.build(request),
    run: (trial) => engine.run(trial),
    close: () => engine.close(),
  };
}
