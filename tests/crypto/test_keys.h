/* test_keys.h - private keys made for these tests and used nowhere else. */
#ifndef TESTS_TEST_KEYS_H
#define TESTS_TEST_KEYS_H

static const char rsa_512[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                              "MIIBOwIBAAJBAMWtJztbQ0k9lB/P6JciNHJ2XsHTWyjmqNS4HcvjQyomeV2c85md\n"
                              "/C1bC+xHJfBtaewGg5/21DYkpcufTOwh/eECAwEAAQJAIT3+I/gz94QYfcUL2yaQ\n"
                              "ZVNMmhG9+cHYUHVp5VihedvUj3pPdELAz2ImuO22/4WH5wr/ehI4etC41SQI+ptt\n"
                              "AQIhAPRjmg5Vtf47xW3yjTgdaZizSA452iYkqQFwdzerrg0xAiEAzxFnwTmKoq0b\n"
                              "qmacXGi7lyMqyJ/jVuohIRKMN8EVD7ECIQCvAcBpcYFxPLZF5MKyI4Xh3sjDvzPz\n"
                              "yp7oM/R7fkqWkQIgNjYyWc4805ZKtfQjX7Yz1r/oRZpGpMyrW8NFXpt4biECIQC0\n"
                              "zy4NA/SQya434qERemaUpG99PsLzWIpZ2NMVYt3i2Q==\n"
                              "-----END RSA PRIVATE KEY-----\n";

static const char rsa_traditional[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                                      "MIICXgIBAAKBgQC9hk+m9UOkVRc5OTUzhVq5WKaRQ9HnDDSfa/t2V2T5YftydFKq\n"
                                      "unUaFGinoXlINqICbp3MH5pbJ3jLvnm4HhpwXqbIQeMI/isTVvlRqgBbIx1/Ejhu\n"
                                      "aQ64cZe+u+pi2OBc8VDBa/cn5uewynkv3d6NsnoqJgueDo+k6oMYWFn46QIDAQAB\n"
                                      "AoGAXoqFaU+nsm4P66ex9kVrgFHMpWIjbxITngMLqXjnEc/i0rFcG3Zvu9a6bgSK\n"
                                      "r48xOe1cIdsR8K67/0bBCStbHB72R2hrhhqxG9QhEDisIEM32sCT3iBTxa9P9/fd\n"
                                      "AyFngvmLS0Qb+dNl5a/iPlpfcB8RPbLmSzt5MXA0RXzmUAECQQDkKcs0EIVXKoJE\n"
                                      "PLUqV8nMIiMI7cSHesGlc1CbGA/RL5QLTMdq82JaTAUL35GyF/ZdlER/LUQXA9qY\n"
                                      "UD93rK5pAkEA1KW4f7hHBpLi6Nn1ON3XGba/W2Yszu0XsYFOtoE85bdUBoK7pS7D\n"
                                      "NHfkVKLXLGNfbrJ9mM4EAPiJEKiDW46mgQJBAN7H7DDHHNtSl2V3fVF97H1Uq67R\n"
                                      "Mr8yXphlM0Rsxyzy7vPloSXNxa/zYE4Km2Ewwo728bbYBQ8P5UYpvP7mblkCQQCH\n"
                                      "sJOxVApmZHZMdUAoIE6whs9GaEVxaRL0Xnm2tXMBdmE0ollQhy1inpphc2NwXJy5\n"
                                      "y0Wfqt4dLHpx2cWwN6+BAkEAne2m6Ec+rqwkrExeg7C/WoVWVJH6qC6ugBqr+ECI\n"
                                      "Qm3H7irMHcjTrslybzWsOJkRIDDZhz2B9HVvNwIetg+xmg==\n"
                                      "-----END RSA PRIVATE KEY-----\n";

static const char rsa_pkcs8[] = "-----BEGIN PRIVATE KEY-----\n"
                                "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAL2GT6b1Q6RVFzk5\n"
                                "NTOFWrlYppFD0ecMNJ9r+3ZXZPlh+3J0Uqq6dRoUaKeheUg2ogJuncwfmlsneMu+\n"
                                "ebgeGnBepshB4wj+KxNW+VGqAFsjHX8SOG5pDrhxl7676mLY4FzxUMFr9yfm57DK\n"
                                "eS/d3o2yeiomC54Oj6TqgxhYWfjpAgMBAAECgYBeioVpT6eybg/rp7H2RWuAUcyl\n"
                                "YiNvEhOeAwupeOcRz+LSsVwbdm+71rpuBIqvjzE57Vwh2xHwrrv/RsEJK1scHvZH\n"
                                "aGuGGrEb1CEQOKwgQzfawJPeIFPFr0/3990DIWeC+YtLRBv502Xlr+I+Wl9wHxE9\n"
                                "suZLO3kxcDRFfOZQAQJBAOQpyzQQhVcqgkQ8tSpXycwiIwjtxId6waVzUJsYD9Ev\n"
                                "lAtMx2rzYlpMBQvfkbIX9l2URH8tRBcD2phQP3esrmkCQQDUpbh/uEcGkuLo2fU4\n"
                                "3dcZtr9bZizO7RexgU62gTzlt1QGgrulLsM0d+RUotcsY19usn2YzgQA+IkQqINb\n"
                                "jqaBAkEA3sfsMMcc21KXZXd9UX3sfVSrrtEyvzJemGUzRGzHLPLu8+WhJc3Fr/Ng\n"
                                "TgqbYTDCjvbxttgFDw/lRim8/uZuWQJBAIewk7FUCmZkdkx1QCggTrCGz0ZoRXFp\n"
                                "EvReeba1cwF2YTSiWVCHLWKemmFzY3BcnLnLRZ+q3h0senHZxbA3r4ECQQCd7abo\n"
                                "Rz6urCSsTF6DsL9ahVZUkfqoLq6AGqv4QIhCbcfuKswdyNOuyXJvNaw4mREgMNmH\n"
                                "PYH0dW83Ah62D7Ga\n"
                                "-----END PRIVATE KEY-----\n";

static const char rsa_public[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC9hk+m9UOkVRc5OTUzhVq5WKaR\n"
                                 "Q9HnDDSfa/t2V2T5YftydFKqunUaFGinoXlINqICbp3MH5pbJ3jLvnm4HhpwXqbI\n"
                                 "QeMI/isTVvlRqgBbIx1/EjhuaQ64cZe+u+pi2OBc8VDBa/cn5uewynkv3d6Nsnoq\n"
                                 "JgueDo+k6oMYWFn46QIDAQAB\n"
                                 "-----END PUBLIC KEY-----\n";

static const char rsa_encrypted[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                                    "Proc-Type: 4,ENCRYPTED\n"
                                    "DEK-Info: AES-128-CBC,4479073715B273178D1EFA92DCEDE337\n"
                                    "\n"
                                    "lYml860yOdlW8uRvh4lS08DWnd1QQqFuAiZzVwc23zWTfoBBMPzU8ATGWB921tBh\n"
                                    "uyqdWO2e4ntOwN5quzHJExhV67yMemHuY6r2Bo5nMqoeeTtlpwI0yStFXyGLnIc4\n"
                                    "DB3eN15IpPjA/h8tFvmv8hTVRGUqWJzdfZA2s1ZoM9yBZoixmEFFJ87yg4JxlN25\n"
                                    "hkUmt53knh1vP6QPNrmU0d2Pc1dmNVtyqPwxFhagHbdm2G4CNYDIYgE9HNfj0zP8\n"
                                    "X7NgRF/jTFaskmT5ymxMnk4OuUynBhBCmhg5jGOLff9SqoXvtEE/FyUMRmTegFSi\n"
                                    "o0nwxg3qmS168e7VnMb3nBye5bOGOY70//d7XvzTOZVZj2z9AeLAqJdvEzfx6MEI\n"
                                    "dNOfNjawtcrBfwH6jczpe0ebEi9KuvZSdtkpeZIalJAOBePKiw6i/WuWR007dGrK\n"
                                    "QyIE/0oTOs+n/0RnGLqA7Xyy9AZYVKfmRxM3HQJX6FxSA3QeenTIaHCgi45mHl7+\n"
                                    "+FgGAr0OMTqr2+VQgF03CuOJTcrg0IkTVfjI11dYpqvBxYyDQm5u2ABvgl1X8pO4\n"
                                    "sXCDWFSHscWREyNRQLL5ummfJqMsqJYjTXCteAcxMLocAMpoe2QEVngbTmxIPQSQ\n"
                                    "Askcb9TL3HGwc2fvUyBbL84732hYWG7w+X5zRJx1ZUGcgsGLopAHU4rVJr+7DjlD\n"
                                    "5etU3AvPokquwPNn5tSIUkF7FywrLZ48TGR6pzFEkczPsfB7LdUCKrlrb/3rWGmN\n"
                                    "59beVnE7EexLfqQcYjlrOgNKU4BBhx3LJceWq/iY3rEIBnMunHHkH5QtJppUqv1B\n"
                                    "-----END RSA PRIVATE KEY-----\n";

static const char rsa_damaged[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                                  "MIICXgIBAAKBgQC9hk+m9UOkVRc5OTUzhVq5WKaRQ9HnDDSfa/t2V2T5YftydFKq\n"
                                  "unUKFGinoXlINqICbp3MH5pbJ3jLvnm4HhpwXqbIQeMI/isTVvlRqgBbIx1/Ejhu\n"
                                  "aQ64cZe+u+pi2OBc8VDBa/cn5uewynkv3d6NsnoqJgueDo+k6oMYWFn46QIDAQAB\n"
                                  "AoGAXoqFaU+nsm4P66ex9kVrgFHMpWIjbxITngMLqXjnEc/i0rFcG3Zvu9a6bgSK\n"
                                  "r48xOe1cIdsR8K67/0bBCStbHB72R2hrhhqxG9QhEDisIEM32sCT3iBTxa9P9/fd\n"
                                  "AyFngvmLS0Qb+dNl5a/iPlpfcB8RPbLmSzt5MXA0RXzmUAECQQDkKcs0EIVXKoJE\n"
                                  "PLUqV8nMIiMI7cSHesGlc1CbGA/RL5QLTMdq82JaTAUL35GyF/ZdlER/LUQXA9qY\n"
                                  "UD93rK5pAkEA1KW4f7hHBpLi6Nn1ON3XGba/W2Yszu0XsYFOtoE85bdUBoK7pS7D\n"
                                  "NHfkVKLXLGNfbrJ9mM4EAPiJEKiDW46mgQJBAN7H7DDHHNtSl2V3fVF97H1Uq67R\n"
                                  "Mr8yXphlM0Rsxyzy7vPloSXNxa/zYE4Km2Ewwo728bbYBQ8P5UYpvP7mblkCQQCH\n"
                                  "sJOxVApmZHZMdUAoIE6whs9GaEVxaRL0Xnm2tXMBdmE0ollQhy1inpphc2NwXJy5\n"
                                  "y0Wfqt4dLHpx2cWwN6+BAkEAne2m6Ec+rqwkrExeg7C/WoVWVJH6qC6ugBqr+ECI\n"
                                  "Qm3H7irMHcjTrslybzWsOJkRIDDZhz2B9HVvNwIetg+xmg==\n"
                                  "-----END RSA PRIVATE KEY-----\n";

static const char ed25519[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIG5nBydPwSNw6cgiKWiHnHk8XeoQDlbxCGPX6QnIgUvp\n"
                              "-----END PRIVATE KEY-----\n";

static const char ed25519_encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                        "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh42f/xKh3T0wICCAAw\n"
                                        "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEC827x8Us0fRR6iq8CwoKSEEQA2f\n"
                                        "H1bYuMJVnBAfilq5aeP+1IRKtwGbL8Iz0uDAbnXYwWLSL0MEPvqQq5zbSEkx2Llx\n"
                                        "xQ7TpFJfU8ksOnHkejc=\n"
                                        "-----END ENCRYPTED PRIVATE KEY-----\n";

static const char ec[] = "-----BEGIN PRIVATE KEY-----\n"
                         "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtKYkEuRECekrphb6\n"
                         "Ulsbdabcv4UZCx7tLh+bLjIphTShRANCAARs845qmaAd9LywYeAlA+Jn+WYY7oHs\n"
                         "YqqYUQu6lSbf8ZDY+l6oACZ2zHcKYkt14yfOPbU2Am/3v/mcejUyQxLt\n"
                         "-----END PRIVATE KEY-----\n";

static const char ed25519_raw[] = "bmcHJ0/BI3DpyCIpaIeceTxd6hAOVvEIY9fpCciBS+k=\n";

static const char ed25519_public[] = "UIAZ0Dhv7murEalEeypnyo/A+7XHMlDDyRyS/rFn1J4=";

#endif
