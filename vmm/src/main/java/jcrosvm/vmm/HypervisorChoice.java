package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import jcrosvm.base.VmmException;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.HypervisorProvider;
import jcrosvm.hypervisor.HypervisorProvider.Availability;
import jcrosvm.vmm.config.HypervisorConfig;

/**
 * The hypervisor that a configuration asks for, or the best there is.
 *
 * @param availability what its probe said; less if no other could have been chosen
 */
public record HypervisorChoice(HypervisorProvider provider, Availability availability) {
    private static final System.Logger LOG = System.getLogger(HypervisorChoice.class.getName());

    /** One line for the user: which and why. */
    public String description() {
        return provider.name() + ": " + availability.reason();
    }

    /** Whether it runs guest code on the processor, as far as is known. */
    boolean isNative() {
        return availability.level() == Availability.Level.NATIVE;
    }

    /** Tells the user, as much as is worth telling. */
    void log(HypervisorConfig asked) {
        if (!warnOfInterpretation()) {
            // A user who asked for none in particular may have expected KVM.
            boolean fallback = availability.level() == Availability.Level.TRANSLATED
                    && asked.kind().equals(HypervisorConfig.AUTO);
            LOG.log(fallback ? System.Logger.Level.INFO : System.Logger.Level.DEBUG, "hypervisor " + description());
        }
    }

    /** Warns if it interprets, and says whether it did. */
    boolean warnOfInterpretation() {
        boolean interprets = availability.level() == Availability.Level.INTERPRETED;
        if (interprets) {
            LOG.log(System.Logger.Level.WARNING, description() + ": too slow for an operating system");
        }
        return interprets;
    }

    public Hypervisor open(HypervisorConfig config) {
        return provider.open(config.device());
    }

    /** The same with what a probe says, which may run a guest for some milliseconds. */
    HypervisorChoice measured(HypervisorConfig config) {
        return new HypervisorChoice(provider, provider.probe(config.device()));
    }

    /** Names of all that this build has. */
    public static List<String> names() {
        List<String> names = new ArrayList<>();
        ServiceLoader.load(HypervisorProvider.class).forEach(provider -> names.add(provider.name()));
        return names;
    }

    /**
     * Those that the configuration allows, usable or not.
     *
     * @throws VmmException when it names none that this build has
     */
    public static List<HypervisorChoice> candidates(HypervisorConfig config) {
        List<HypervisorChoice> candidates = new ArrayList<>();
        List<String> names = new ArrayList<>();
        for (HypervisorProvider provider : ServiceLoader.load(HypervisorProvider.class)) {
            names.add(provider.name());
            if (config.kind().equals(HypervisorConfig.AUTO)) {
                candidates.add(new HypervisorChoice(provider, provider.probe(config.device())));
            } else if (config.kind().equals(provider.name())) {
                return List.of(new HypervisorChoice(provider, provider.expect(config.device())));
            }
        }
        if (candidates.isEmpty()) {
            throw new VmmException("unknown hypervisor '" + config.kind() + "': this build has " + names);
        }
        return candidates;
    }

    /** Whether it can run a guest here at all. */
    public boolean isUsable() {
        return availability.level() != Availability.Level.MISSING;
    }

    /** @throws VmmException saying what each candidate lacks */
    public static HypervisorChoice of(HypervisorConfig config) {
        List<HypervisorChoice> candidates = candidates(config);
        HypervisorChoice best = candidates.getFirst();
        for (HypervisorChoice candidate : candidates) {
            if (candidate.availability.level().compareTo(best.availability.level()) > 0) {
                best = candidate;
            }
        }
        if (!best.isUsable()) {
            List<String> reasons =
                    candidates.stream().map(HypervisorChoice::description).toList();
            throw new VmmException("no usable hypervisor: " + String.join("; ", reasons));
        }
        return best.instead(candidates);
    }

    /** The same, saying why the others were not chosen, if that is of interest. */
    private HypervisorChoice instead(List<HypervisorChoice> candidates) {
        if (availability.level() == Availability.Level.NATIVE || candidates.size() == 1) {
            return this;
        }
        List<String> others = candidates.stream()
                .filter(candidate -> !candidate.provider.name().equals(provider.name()))
                .map(HypervisorChoice::description)
                .toList();
        String reason = availability.reason() + " (" + String.join("; ", others) + ")";
        return new HypervisorChoice(provider, new Availability(availability.level(), reason));
    }
}
