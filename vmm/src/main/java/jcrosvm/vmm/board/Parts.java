package jcrosvm.vmm.board;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.bus.Suspendable;
import jcrosvm.config.ConfigException;
import jcrosvm.config.RecordBinder;
import jcrosvm.config.RecordWriter;
import jcrosvm.config.Value;
import org.jspecify.annotations.Nullable;

/**
 * What a machine is made of. Each part comes behind those that it leads to: the clock, then the interrupt controllers,
 * then what interrupts. They are restored and resumed in this order, and suspended in the opposite one.
 */
public final class Parts {
    private static final int NO_POSITION = -1;

    /** A part with a state. */
    private record Saved<R extends Record>(Class<R> type, Stateful<R> part) {
        /** Reads a state, and gives what takes it over. */
        Runnable bind(Value value) {
            R state = RecordBinder.bindSaved(value, type);
            return () -> part.restore(state);
        }
    }

    /**
     * One part.
     *
     * @param activity what must hold still while the machine is suspended, or null
     */
    private record Part(String name, @Nullable Suspendable activity, Saved<?> saved) {}

    private final List<Part> parts = new ArrayList<>();

    /**
     * Adds a part, which is suspended too if it can be.
     *
     * @param name its key in a saved machine
     */
    public <R extends Record> void add(String name, Class<R> type, Stateful<R> part) {
        parts.add(new Part(name, part instanceof Suspendable active ? active : null, new Saved<>(type, part)));
    }

    public void suspend() {
        for (Part part : parts.reversed()) {
            if (part.activity != null) {
                part.activity.suspend();
            }
        }
    }

    public void resume() {
        for (Part part : parts) {
            if (part.activity != null) {
                part.activity.resume();
            }
        }
    }

    /**
     * The states of all parts by name. Only while they are suspended.
     *
     * @throws VmmException naming a part that cannot be saved
     */
    public Value save() {
        List<Value.Entry> entries = new ArrayList<>();
        for (Part part : parts) {
            Value state = RecordWriter.write(part.saved.part.state());
            entries.add(new Value.Entry(part.name, NO_POSITION, state));
        }
        return new Value.Group(null, NO_POSITION, Value.Brackets.OBJECT, entries, NO_POSITION);
    }

    /**
     * Takes over what another machine saved. Nothing is changed before every state has been read; a machine that then
     * refuses one, because it is configured in another way, can only be closed.
     *
     * @throws VmmException naming the part that is missing, unknown or does not fit
     */
    public void restore(Value saved) {
        if (!(saved instanceof Value.Group group) || group.brackets() != Value.Brackets.OBJECT) {
            throw new ConfigException("expected an object with the parts of a machine", saved.position());
        }
        for (Value.Entry entry : group.entries()) {
            if (parts.stream().noneMatch(part -> part.name.equals(entry.key()))) {
                throw new ConfigException("this machine has no part '" + entry.key() + "'", entry.position());
            }
        }
        List<Runnable> steps = new ArrayList<>();
        for (Part part : parts) {
            steps.add(bind(part, group));
        }
        steps.forEach(Runnable::run);
    }

    private static Runnable bind(Part part, Value.Group group) {
        for (Value.Entry entry : group.entries()) {
            if (part.name.equals(entry.key())) {
                try {
                    return part.saved.bind(entry.value());
                } catch (ConfigException e) {
                    throw new ConfigException("part '" + part.name + "': " + e.problem(), e.position());
                }
            }
        }
        throw new ConfigException("the saved machine has no part '" + part.name + "'", group.closing());
    }
}
