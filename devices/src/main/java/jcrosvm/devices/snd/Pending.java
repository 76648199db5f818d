package jcrosvm.devices.snd;

import java.util.Arrays;
import jcrosvm.virtio.DescriptorChain;
import org.jspecify.annotations.Nullable;

/** Requests that were taken off a queue and wait for their period, with their place in the queue. Allocates only to grow. */
final class Pending {
    private @Nullable DescriptorChain[] chains = new DescriptorChain[8];
    private long[] places = new long[8];
    private int first;
    private int count;

    boolean isEmpty() {
        return count == 0;
    }

    int count() {
        return count;
    }

    void add(DescriptorChain chain, long place) {
        if (count == chains.length) {
            grow();
        }
        int at = (first + count++) % chains.length;
        chains[at] = chain;
        places[at] = place;
    }

    private void grow() {
        @Nullable DescriptorChain[] more = Arrays.copyOf(chains, 2 * count);
        long[] morePlaces = Arrays.copyOf(places, 2 * count);
        for (int i = 0; i < count; i++) {
            more[i] = chains[(first + i) % count];
            morePlaces[i] = places[(first + i) % count];
        }
        chains = more;
        places = morePlaces;
        first = 0;
    }

    /** The oldest, taken out; null when there is none. */
    @Nullable
    DescriptorChain poll() {
        if (count == 0) {
            return null;
        }
        DescriptorChain chain = chains[first];
        chains[first] = null;
        first = (first + 1) % chains.length;
        count--;
        return chain;
    }

    /** The youngest, taken out if it has this place in its queue. */
    @Nullable
    DescriptorChain pollLast(long place) {
        int at = (first + count - 1 + chains.length) % chains.length;
        if (count == 0 || places[at] != place) {
            return null;
        }
        DescriptorChain chain = chains[at];
        chains[at] = null;
        count--;
        return chain;
    }
}
