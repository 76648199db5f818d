package jcrosvm.hypervisor.soft;

import java.util.Arrays;
import java.util.OptionalLong;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.EventFd;
import jcrosvm.hypervisor.IoEventAddress;

/** Writes that signal an event instead of reaching a device. Processors look without locks. */
final class IoEvents {
    private record Entry(IoEventAddress at, EventFd event) {
        boolean isHitBy(boolean port, long address, int size, long value) {
            if (at.address() != address || at.portIo() != port || (at.size() != 0 && at.size() != size)) {
                return false;
            }
            OptionalLong match = at.match();
            return match.isEmpty() || match.getAsLong() == value;
        }

        boolean overlaps(Entry other) {
            boolean samePlace = at.portIo() == other.at.portIo() && at.address() == other.at.address();
            boolean sameSize = at.size() == other.at.size() || at.size() == 0 || other.at.size() == 0;
            return samePlace
                    && sameSize
                    && (at.match().isEmpty()
                            || other.at.match().isEmpty()
                            || at.match().equals(other.at.match()));
        }
    }

    private volatile Entry[] entries = {};

    synchronized void add(IoEventAddress at, EventFd event) {
        Entry added = new Entry(at, event);
        for (Entry entry : entries) {
            if (entry.overlaps(added)) {
                throw new OsException("an event is already registered for " + at, Errno.EEXIST);
            }
        }
        Entry[] more = Arrays.copyOf(entries, entries.length + 1);
        more[entries.length] = added;
        entries = more;
    }

    synchronized void remove(IoEventAddress at, EventFd event) {
        Entry[] fewer = Arrays.stream(entries)
                .filter(entry -> entry.event != event || !entry.at.equals(at))
                .toArray(Entry[]::new);
        if (fewer.length == entries.length) {
            throw new OsException("no such event is registered for " + at, Errno.ENOENT);
        }
        entries = fewer;
    }

    /** @return whether an event took the write */
    boolean written(boolean port, long address, int size, long value) {
        for (Entry entry : entries) {
            if (entry.isHitBy(port, address, size, value)) {
                entry.event.signal();
                return true;
            }
        }
        return false;
    }
}
