import java.io.IOException;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;

import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/**
 * Checks tokens inside a broker as Amazon MSK does: the signed request in it is signed again with the secret of its key, and has to be for this service,
 * region and action, and neither too old nor with ended credentials. The options of the JAAS configuration are `keys` (a folder with a file for each key: secret,
 * session token, end in seconds since 1970), `region` and `seen` (a file with one line for each token: its key, or why it was refused).
 */
public final class TokenValidator implements AuthenticateCallbackHandler {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
    private static final Set<String> PARAMETERS = Set.of("Action", "User-Agent", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
        "X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-SignedHeaders");

    private Path keys;
    private Path seen;
    private String region;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        Map<String, ?> options = entries.get(0).getOptions();
        keys = Path.of((String) options.get("keys"));
        seen = Path.of((String) options.get("seen"));
        region = (String) options.get("region");
    }

    @Override
    public void close() {
    }

    @Override
    public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerValidatorCallback) {
                validate((OAuthBearerValidatorCallback) callback);
            } else if (callback instanceof OAuthBearerExtensionsValidatorCallback) {
                // None are sent.
                continue;
            } else {
                throw new UnsupportedCallbackException(callback);
            }
        }
    }

    private void validate(OAuthBearerValidatorCallback callback) throws IOException {
        try {
            Accepted accepted = check(callback.tokenValue());
            note("accepted " + accepted.key);
            callback.token(accepted);
        } catch (Refusal refusal) {
            note("refused " + refusal.getMessage());
            callback.error("invalid_token", null, null);
        } catch (GeneralSecurityException | RuntimeException error) {
            note("refused " + error);
            callback.error("invalid_token", null, null);
        }
    }

    private synchronized void note(String line) throws IOException {
        Files.writeString(seen, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    private Accepted check(String token) throws IOException, GeneralSecurityException, Refusal {
        require(!token.contains("="), "padding");
        URI url = URI.create(new String(Base64.getUrlDecoder().decode(token), StandardCharsets.UTF_8));
        require(url.getScheme().equals("https") && url.getRawPath().equals("/"), "not the service's URL");
        require(url.getRawAuthority().equals("kafka." + region + ".amazonaws.com"), "host " + url.getRawAuthority());

        Map<String, String> parameters = new TreeMap<>();
        for (String pair : url.getRawQuery().split("&")) {
            String[] parts = pair.split("=", 2);
            String name = URLDecoder.decode(parts[0], StandardCharsets.UTF_8);
            // A plus is no space here.
            String value = URLDecoder.decode(parts[1].replace("+", "%2B"), StandardCharsets.UTF_8);
            require(parameters.put(name, value) == null, "twice: " + name);
        }
        require(parameters.keySet().equals(PARAMETERS), "parameters " + parameters.keySet());
        require(parameters.get("Action").equals("kafka-cluster:Connect"), "action");
        require(parameters.get("X-Amz-Algorithm").equals("AWS4-HMAC-SHA256"), "algorithm");
        require(parameters.get("X-Amz-SignedHeaders").equals("host"), "signed headers");

        String[] credential = parameters.get("X-Amz-Credential").split("/");
        String date = parameters.get("X-Amz-Date");
        require(credential.length == 5 && credential[0].matches("[A-Z0-9]+"), "credential");
        require(credential[1].equals(date.substring(0, 8)), "day");
        require(credential[2].equals(region), "region " + credential[2]);
        require(credential[3].equals("kafka-cluster"), "service " + credential[3]);
        require(credential[4].equals("aws4_request"), "scope");

        Instant now = Instant.now();
        Instant signed = TIME.parse(date, Instant::from);
        Instant end = signed.plusSeconds(Long.parseLong(parameters.get("X-Amz-Expires")));
        require(end.isAfter(now), "expired");
        require(!end.isAfter(signed.plusSeconds(900)), "valid for too long");
        require(signed.isBefore(now.plusSeconds(300)), "signed in the future");

        Path file = keys.resolve(credential[0]);
        require(Files.exists(file), "unknown key " + credential[0]);
        List<String> key = Files.readAllLines(file);
        require(parameters.get("X-Amz-Security-Token").equals(key.get(1)), "session token");
        Instant credentialsEnd = Instant.ofEpochSecond(Long.parseLong(key.get(2)));
        require(credentialsEnd.isAfter(now), "credentials ended");

        String signature = parameters.get("X-Amz-Signature");
        parameters.remove("X-Amz-Signature");
        parameters.remove("User-Agent");
        require(signature.equals(signature(key.get(0), parameters, url.getRawAuthority(), credential)), "signature");
        return new Accepted(token, credential[0], now, end.isBefore(credentialsEnd) ? end : credentialsEnd);
    }

    private static String signature(String secret, Map<String, String> parameters, String host, String[] credential) throws GeneralSecurityException {
        List<String> query = new ArrayList<>();
        parameters.forEach((name, value) -> query.add(encode(name) + "=" + encode(value)));
        String canonical = "GET\n/\n" + String.join("&", query) + "\nhost:" + host + "\n\nhost\n" + sha256("");
        String scope = String.join("/", credential[1], credential[2], credential[3], credential[4]);
        String toSign = "AWS4-HMAC-SHA256\n" + parameters.get("X-Amz-Date") + "\n" + scope + "\n" + sha256(canonical);
        byte[] key = ("AWS4" + secret).getBytes(StandardCharsets.UTF_8);
        for (int part = 1; part < 5; part++) {
            key = hmac(key, credential[part]);
        }
        return HexFormat.of().formatHex(hmac(key, toSign));
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20").replace("*", "%2A").replace("%7E", "~");
    }

    private static String sha256(String text) throws GeneralSecurityException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static byte[] hmac(byte[] key, String text) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    private static void require(boolean holds, String what) throws Refusal {
        if (!holds) {
            throw new Refusal(what);
        }
    }

    private static final class Refusal extends Exception {
        private static final long serialVersionUID = 1L;

        Refusal(String what) {
            super(what);
        }
    }

    private record Accepted(String value, String key, Instant start, Instant end) implements OAuthBearerToken {
        @Override
        public Set<String> scope() {
            return Set.of();
        }

        @Override
        public long lifetimeMs() {
            return end.toEpochMilli();
        }

        @Override
        public String principalName() {
            return "role";
        }

        @Override
        public Long startTimeMs() {
            return start.toEpochMilli();
        }
    }
}
