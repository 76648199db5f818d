package jcrosvm.guest;

import java.util.List;
import jcrosvm.base.VmmException;

/** Program that fills the cache with everything the tests boot: {@code java jcrosvm.guest.FetchGuests [KERNEL...]}. */
public final class FetchGuests {
    private FetchGuests() {}

    public static void main(String[] args) {
        try {
            Guests guests = Guests.ofUser(System.err::println);
            List<DebianKernel> kernels = args.length == 0
                    ? List.of(DebianKernel.values())
                    : java.util.Arrays.stream(args).map(FetchGuests::kernel).toList();
            System.out.println("busybox " + guests.busybox());
            for (DebianKernel each : kernels) {
                GuestKernel kernel = guests.kernel(each);
                System.out.println(kernel.name() + " " + kernel.image() + " (" + kernel.release() + ")");
            }
        } catch (VmmException e) {
            System.err.println("guests: " + e.getMessage());
            System.exit(1);
        }
    }

    private static DebianKernel kernel(String name) {
        for (DebianKernel each : DebianKernel.values()) {
            if (each.directory().equals(name)) {
                return each;
            }
        }
        throw new VmmException("there is no guest kernel '" + name + "'; there are: "
                + java.util.Arrays.stream(DebianKernel.values())
                        .map(DebianKernel::directory)
                        .collect(java.util.stream.Collectors.joining(", ")));
    }
}
