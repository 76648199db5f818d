package jcrosvm.virtio;

import java.util.List;

/**
 * What devices have the guest's kernel told. Of a parameter that is there twice, Linux takes the last.
 *
 * @param early in front of the user's own: {@code console=}
 * @param late behind them: {@code root=}
 */
public record KernelParameters(List<String> early, List<String> late) {
    public static final KernelParameters NONE = new KernelParameters(List.of(), List.of());

    public KernelParameters {
        early = List.copyOf(early);
        late = List.copyOf(late);
    }
}
